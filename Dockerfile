FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY model model
COPY service service
RUN python -m venv /opt/snaar && /opt/snaar/bin/pip install --no-cache-dir '.[postgres,otel]'

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home snaar && install -d -o snaar /data
COPY --from=build /opt/snaar /opt/snaar
USER 10001
# Without keys anybody who reaches the port may ask: docs/operations.md.
ENV PATH=/opt/snaar/bin:$PATH PYTHONDONTWRITEBYTECODE=1 SNAAR_HOST=0.0.0.0 SNAAR_PORT=8080 SNAAR_ALLOW_OPEN=true SNAAR_DATA=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=4)"]
CMD ["snaar", "serve"]
