# syntax=docker/dockerfile:1
# Storefront Adapter with its Chromium and fonts. How to run it is in the README, "In a container".

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
# What is needed comes first, every file checked against its hash: these layers stay while only the adapter's own code changes.
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /opt/adapter \
    && /opt/adapter/bin/pip install --require-hashes --only-binary=:all: -r requirements.lock
# Of the development tools, those alone that build a wheel; a further one that they come to need fails here, by its missing hash.
RUN awk '/^[^ ]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' requirements-dev.lock > build.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary=:all: -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY adapter ./adapter
COPY connectors ./connectors
COPY templates ./templates
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/adapter/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim-bookworm
# fc-cache writes the fonts' index into the image: at run time nothing there can be written.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        chromium-headless-shell fontconfig fonts-dejavu-core fonts-liberation fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core tini \
    && rm -rf /var/lib/apt/lists/* \
    && fc-cache --system-only --really-force \
    && groupadd --gid 10001 adapter \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin adapter \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/adapter /opt/adapter
ENV PATH=/opt/adapter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    ADAPTER_DATA=/data \
    ADAPTER_HOST=0.0.0.0 \
    ADAPTER_PORT=8080
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['ADAPTER_PORT'] + '/healthz/live', timeout=4)"]
# tini ends what Chromium leaves behind, and hands SIGTERM on.
ENTRYPOINT ["tini", "--", "storefront-adapter"]
CMD ["serve"]
