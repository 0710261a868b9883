"""The page at `/` in a real browser, with a real server behind it."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from service import keys
from service.app import create_app
from service.settings import Settings

DUMP = "nr,klacht\n" + "".join(f"{n},Bestelling {n}: weer een uur in de wacht en niemand die iets deed.\n" for n in range(30))
CONTRAST = """
const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return "rgb(255, 255, 255)"; };
return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".unseen") && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && !["SCRIPT", "STYLE", "OPTION"].includes(e.tagName))
  .map(e => { const [a, b] = [light(getComputedStyle(e).color), light(ground(e))]; return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName + "." + e.className + "#" + e.id]; })
  .filter(([ratio]) => ratio < 4.5);
"""


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(Settings(data=tmp_path_factory.mktemp("data"), feedback=True)) as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("the page is not tested here: Chromium is not installed (apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--disable-gpu", "--no-first-run", "--window-size=1280,1600", "--lang=nl"):
        options.add_argument(argument)
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = Chrome(options, ChromeService(driver))
    yield found
    found.quit()


@pytest.fixture
def page(browser: Chrome, address: str) -> Iterator[Chrome]:
    browser.set_window_size(1280, 1600)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.get("about:blank")
    browser.get(address)
    until(browser, lambda: "taxonomie" in text(browser, "model"))
    yield browser
    assert complaints(browser) == []


def complaints(page: Chrome) -> list[str]:
    """What the browser says is wrong: a script that fails, a policy that is broken, a refused call."""
    return [entry["message"] for entry in page.get_log("browser") if "favicon" not in entry["message"]]  # type: ignore[no-untyped-call]


def at(page: Chrome, element: str) -> WebElement:
    return page.find_element(By.ID, element)


def text(page: Chrome, element: str) -> str:
    return at(page, element).text


def until(page: Chrome, found: Any, seconds: float = 30) -> Any:
    return WebDriverWait(page, seconds, 0.05).until(lambda _: found())


def read_example(page: Chrome, number: int) -> list[WebElement]:
    page.find_elements(By.CSS_SELECTOR, "#examples button")[number].click()
    until(page, lambda: "Gelezen" in text(page, "busy"))
    return page.find_elements(By.CSS_SELECTOR, "#lenses .label")


def marks(page: Chrome) -> list[str]:
    return [mark.text for mark in page.find_elements(By.CSS_SELECTOR, "#read mark")]


def drop(page: Chrome, name: str, content: str) -> None:
    page.execute_script(
        "const data = new DataTransfer(); data.items.add(new File([arguments[1]], arguments[0]));"
        "document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));",
        name,
        content,
    )


def test_an_example_is_read_and_a_label_lights_its_sentences(page: Chrome) -> None:
    found = read_example(page, 3)
    assert "Eindelijk een camping" in text(page, "read")
    assert marks(page) == []
    ActionChains(page).move_to_element(found[0]).perform()
    first = until(page, lambda: marks(page))
    assert all(mark in at(page, "text").get_property("value") for mark in first)
    ActionChains(page).move_to_element(at(page, "many-title")).perform()
    until(page, lambda: not marks(page))


def test_the_keyboard_alone_reads_and_holds_a_label(page: Chrome) -> None:
    words = "👍 Weer een uur in de wacht. De monteur was wel aardig."  # offsets count characters, JavaScript counts otherwise
    page.execute_script("document.getElementById('text').value = arguments[0]", words)
    at(page, "text").send_keys(Keys.CONTROL + Keys.ENTER)
    until(page, lambda: "Gelezen" in text(page, "busy"))
    at(page, "go").send_keys(Keys.TAB)
    label = page.switch_to.active_element
    assert label.get_attribute("class") == "label"
    shown = until(page, lambda: marks(page))
    assert all(mark in words for mark in shown)
    assert at(page, "proof").get_property("textContent") == "Bewijs: " + " … ".join(shown)
    label.send_keys(Keys.SPACE)
    assert label.get_attribute("aria-pressed") == "true"
    label.send_keys(Keys.SHIFT + Keys.TAB)
    assert marks(page) == shown


def test_what_is_wrong_is_sent_only_with_consent_and_taken_back(page: Chrome) -> None:
    read_example(page, 0)
    page.find_element(By.CSS_SELECTOR, "#feedback summary").click()
    at(page, "feedback-send").click()
    assert text(page, "feedback-told") == "Kies eerst wat er niet klopt."
    assert not at(page, "feedback-back").is_displayed()
    page.find_element(By.CSS_SELECTOR, "#feedback-wrong input").click()
    Select(at(page, "feedback-missing")).select_by_visible_text("Vrijheid -")
    at(page, "feedback-send").click()
    assert text(page, "feedback-told").startswith("Vink eerst aan")
    assert "90 dagen" in text(page, "feedback-terms")
    at(page, "feedback-consent").click()
    at(page, "feedback-send").click()
    until(page, lambda: text(page, "feedback-told").startswith("Dank u"))
    at(page, "feedback-back").click()
    until(page, lambda: text(page, "feedback-told").startswith("Ingetrokken"))
    assert not at(page, "feedback-back").is_displayed()


def test_a_text_that_is_too_long_is_said_and_not_cut(page: Chrome) -> None:
    page.execute_script("document.getElementById('text').value = 'Te laat. '.repeat(2300)")
    at(page, "text").send_keys("!" + Keys.CONTROL + Keys.ENTER)
    until(page, lambda: text(page, "error") == "Deze review is te lang; kort haar in.")
    assert len(at(page, "text").get_property("value")) == 9 * 2300 + 1


def test_nothing_typed_is_said_in_dutch(page: Chrome) -> None:
    at(page, "go").click()
    until(page, lambda: text(page, "error") == "Typ of plak eerst een review.")
    assert not at(page, "answer").is_displayed()


def test_a_dropped_file_becomes_a_result_and_a_report_and_survives_a_reload(page: Chrome) -> None:
    drop(page, "klachten.csv", DUMP)
    until(page, lambda: "#job=" in page.current_url)
    page.refresh()
    until(page, lambda: text(page, "state").startswith("Klaar: 30 rijen"), 60)
    assert text(page, "job-name") == "klachten.csv"
    here = page.current_window_handle
    page.find_element(By.LINK_TEXT, "Open het rapport").click()
    until(page, lambda: len(page.window_handles) == 2)
    page.switch_to.window(next(handle for handle in page.window_handles if handle != here))
    until(page, lambda: page.title == "Wat beweegt onze klanten?")
    page.close()
    page.switch_to.window(here)
    page.find_element(By.XPATH, "//button[.='Verwijder']").click()
    until(page, lambda: not at(page, "job").is_displayed())
    assert "#job" not in page.current_url


def test_a_file_is_chosen_with_the_keyboard_and_cancelled(page: Chrome, tmp_path: Path) -> None:
    path = tmp_path / "veel.csv"
    path.write_text("nr,klacht\n" + "".join(f"{n},Klacht {n} over bestelling {n} en de bezorger.\n" for n in range(20_000)))
    at(page, "file").send_keys(str(path))
    at(page, "send").send_keys(Keys.ENTER)
    until(page, lambda: "van 20.000 rijen" in text(page, "state"), 60)
    assert at(page, "progress").get_attribute("max") == "20000"
    page.find_element(By.XPATH, "//button[.='Annuleer']").send_keys(Keys.ENTER)
    until(page, lambda: text(page, "state") == "veel.csv geannuleerd")
    assert page.switch_to.active_element.text == "Verwijder"


def test_a_file_that_is_no_table_is_said_in_dutch(page: Chrome) -> None:
    drop(page, "foto.png", "x")
    until(page, lambda: "niet als tabel te lezen" in text(page, "job-error"))
    [told] = complaints(page)
    assert "422" in told


def test_the_card_of_the_model_is_shown(page: Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "#card summary").click()
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, "#card-text table td"))
    assert "snaar-nl" in text(page, "card-text")
    table = page.find_element(By.CSS_SELECTOR, "#card-text [role=region][aria-label][tabindex='0'] table")
    assert {head.get_attribute("scope") for head in table.find_elements(By.TAG_NAME, "th")} == {"col", "row"}


def test_everything_has_a_name_for_a_screen_reader(page: Chrome) -> None:
    read_example(page, 0)
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "link", "textbox", "checkbox", "combobox", "progressbar"}
    told = [(n["role"]["value"], n["name"]["value"]) for n in nodes if not n["ignored"] and n["role"]["value"] in roles]
    assert {role for role, _ in told} >= {"button", "link", "textbox", "checkbox", "combobox"}
    assert [found for found in told if not found[1].strip()] == []
    headings = [n["name"]["value"] for n in nodes if not n["ignored"] and n["role"]["value"] == "heading"]
    assert headings[:2] == ["Snaar", "Eén review"]
    assert any("gefrustreerd" in name for _, name in told)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_has_contrast_and_nothing_is_wider_than_a_phone(page: Chrome, scheme: str) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    )
    read_example(page, 0)[0].click()
    time.sleep(0.3)  # the colour of a label fades in
    dark = page.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 26)"
    low = page.execute_script(CONTRAST)
    wide = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert (dark, low) == (scheme == "dark", [])
    assert wide <= 360


def test_a_server_with_keys_asks_for_one_and_the_tab_keeps_it(browser: Chrome, tmp_path: Path) -> None:
    secret, key = keys.make("balie", keys.Role.use, None)
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    with serving(Settings(data=tmp_path / "data", keys=key.line)) as guarded:
        browser.get(guarded)
        until(browser, lambda: text(browser, "error") == "Vul bovenaan de toegangssleutel in.")
        at(browser, "key").send_keys("verkeerd" + Keys.ENTER)
        until(browser, lambda: text(browser, "error") == "Deze toegangssleutel is niet bekend.")
        at(browser, "key").clear()
        at(browser, "key").send_keys(f" {secret} " + Keys.ENTER)
        until(browser, lambda: "taxonomie" in text(browser, "model"))
        assert text(browser, "error") == ""
        browser.refresh()  # what was typed is still known
        assert read_example(browser, 0)
        drop(browser, "klachten.csv", DUMP)
        until(browser, lambda: text(browser, "state").startswith("Klaar: 30 rijen"), 60)
        browser.find_element(By.LINK_TEXT, "Download de uitkomst").click()
        until(browser, lambda: (tmp_path / "klachten-snaar.csv").exists())
        kept = browser.execute_script(
            "return [document.cookie, JSON.stringify(localStorage), location.href, sessionStorage.getItem('key')]"
        )
        assert [secret in str(place) for place in kept] == [False, False, False, True]
    assert [told for told in complaints(browser) if "401" not in told] == []
