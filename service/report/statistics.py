"""The few formulas the report rests on."""

import math

import numpy as np

Z = 1.959964  # 95 %


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if total == 0:
        return 0.0, 0.0
    share = hits / total
    centre = share + Z**2 / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    scale = 1 + Z**2 / total
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def two_sided(z: float) -> float:
    """p-value of a standard normal statistic."""
    return math.erfc(abs(z) / math.sqrt(2))


def difference(hits: int, total: int, other_hits: int, other_total: int) -> float:
    """p-value that two shares differ (pooled two-proportion z-test)."""
    if not total or not other_total:
        return 1.0
    pooled = (hits + other_hits) / (total + other_total)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / other_total))
    return two_sided((hits / total - other_hits / other_total) / deviation) if deviation else 1.0


def trend(hits: list[int], totals: list[int]) -> float:
    """p-value that a share rises or falls over equally spaced periods (Cochran 1954, Armitage 1955)."""
    h, n = np.array(hits, float), np.array(totals, float)
    t = np.arange(len(h), dtype=float)
    if n.sum() == 0 or len(h) < 3:
        return 1.0
    share = h.sum() / n.sum()
    middle = (n * t).sum() / n.sum()
    variance = share * (1 - share) * (n * (t - middle) ** 2).sum()
    return two_sided(float((t * (h - n * share)).sum() / math.sqrt(variance))) if variance > 0 else 1.0


def holm(p_values: list[float]) -> list[float]:
    """p-values corrected for being many (Holm 1979)."""
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    highest = 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[number]))
        corrected[number] = highest
    return [float(p) for p in corrected]


def adjusted_count(share: float, recall: float, false_positive_rate: float) -> float | None:
    """Prevalence corrected for a classifier's errors (adjusted count: Forman 2008); None where it hardly tells them apart."""
    if recall - false_positive_rate < 0.1:
        return None
    return min(max((share - false_positive_rate) / (recall - false_positive_rate), 0.0), 1.0)


def effects(ratings: np.ndarray, present: np.ndarray) -> list[tuple[float, float, float]]:
    """Linear regression of ratings (reviews,) on labels (reviews, labels) of 0 and 1, all together: per label its
    coefficient with a 95 % interval, by heteroscedasticity-robust errors (HC1: White 1980, MacKinnon and White 1985)."""
    design = np.column_stack([np.ones(len(ratings)), present])
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ design.T @ ratings
    residuals = ratings - design @ coefficients
    freedom = max(len(ratings) - design.shape[1], 1)
    meat = design.T @ (design * (residuals**2)[:, None])
    errors = np.sqrt(np.maximum(np.diag(inverse @ meat @ inverse) * len(ratings) / freedom, 0))
    return [(float(c), float(c - Z * e), float(c + Z * e)) for c, e in zip(coefficients[1:], errors[1:], strict=True)]
