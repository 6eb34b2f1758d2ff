# One image for every role: `mlc api`, `mlc worker`, `mlc scheduler`, `mlc runtime`, `mlc migrate`.
FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
RUN python -m venv /opt/mlc && /opt/mlc/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY mlc_service mlc_service
COPY delegates delegates
COPY processes processes
COPY migrations migrations
COPY examples examples
RUN /opt/mlc/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim-bookworm
COPY --from=build /opt/mlc /opt/mlc
# time zones for MLC_TIME_ZONE; Celery and model code must not run as root
RUN apt-get update && apt-get install -y --no-install-recommends tzdata && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home --home-dir /home/mlc mlc && install -d -o mlc -g mlc /data
ENV PATH=/opt/mlc/bin:$PATH MLC_DATA=/data MLC_HOST=0.0.0.0
USER mlc
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["mlc"]
CMD ["api"]
