# The dashboard for production: docs/deploying.md says how it is run. Holds no embedded engine and no secret; it needs no
# writable root file system, and writes to /tmp and to INBOX_ANALYTICS_STATE_DIR alone.
#
# The tag moves with Python's and Debian's corrections; to have the very same image every time, build with
# --build-arg BASE=python:3.11-slim-trixie@sha256:...
ARG BASE=python:3.11-slim-trixie

FROM ${BASE} AS build
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.lock requirements-build.lock ./
# Wheels alone: nothing that is downloaded is executed.
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes -r requirements.lock -r requirements-build.lock
COPY . .
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation --editable . \
    && /opt/venv/bin/python -m pip uninstall --yes --quiet hatchling pathspec pluggy tomlkit trove-classifiers pip \
    && /opt/venv/bin/python -m compileall -q analytics pages app.py asgi_app.py

FROM ${BASE}
RUN groupadd --gid 10001 inbox \
    && useradd --uid 10001 --gid inbox --no-create-home --home-dir /tmp --shell /usr/sbin/nologin inbox \
    && install --directory --owner=inbox --group=inbox --mode=0700 /var/lib/inbox-analytics
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    INBOX_ANALYTICS_ADDRESS=0.0.0.0 \
    INBOX_ANALYTICS_PORT=8501 \
    INBOX_ANALYTICS_STATE_DIR=/var/lib/inbox-analytics
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8501
VOLUME /var/lib/inbox-analytics
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "\
import http.client, os, sys; \
probe = http.client.HTTPConnection('127.0.0.1', int(os.environ['INBOX_ANALYTICS_PORT']), timeout=4); \
probe.request('GET', '/livez'); \
sys.exit(probe.getresponse().status != 200)"]
# `serve` ends on SIGTERM as process 1 and starts no other process, so no init stands before it.
ENTRYPOINT ["inbox-analytics"]
CMD ["serve"]
