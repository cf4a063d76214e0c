# What stands in for the object store and for SpeechKit in compose.yaml; no part of the product.
#     docker build -f deploy/compose/standin.Dockerfile -t backscribe-standin .

ARG DEBIAN=debian:13-slim

FROM ${DEBIAN} AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      gcc libc6-dev cmake ninja-build pkg-config \
      librdkafka-dev libcurl4-openssl-dev libs3-dev libxml2-dev libcjson-dev zlib1g-dev libssl-dev \
      libprotobuf-c-dev protobuf-c-compiler libmicrohttpd-dev \
      libpocketsphinx-dev pocketsphinx-en-us pocketsphinx-testdata libopusfile-dev libmpg123-dev
WORKDIR /source
COPY . .
RUN cmake --preset release -DBACKSCRIBE_TESTS=OFF -DBACKSCRIBE_QUICKSTART=ON \
 && cmake --build build/release --target backscribe-standin backscribe-standin-objects \
 && install -D -s -m 755 -t /install/usr/bin build/release/tests/standin/backscribe-standin \
      build/release/tests/standin/backscribe-standin-objects \
 && install -D -m 755 deploy/compose/prepare.sh /install/usr/bin/backscribe-standin-prepare \
 && install -D -m 644 -t /install/usr/share/backscribe-standin build/release/tests/standin/models.json \
 && cd /usr/share/pocketsphinx/test/data \
 && install -D -m 644 -t /install/usr/share/backscribe-standin/recordings/numbers tidigits/dhd.2934z.raw \
 && install -D -m 644 -t /install/usr/share/backscribe-standin/recordings goforward.raw \
 && for card in 001 003 005; do \
      install -D -m 644 cards/$card.wav /install/usr/share/backscribe-standin/recordings/cards/card_$card.wav; \
    done

FROM ${DEBIAN}
ARG SOURCE_DATE_EPOCH
LABEL org.opencontainers.image.title="backscribe-standin" \
      org.opencontainers.image.description="Stand-ins of the object store and of SpeechKit, for a trial"
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libcurl4t64 libcjson1 libssl3t64 libmicrohttpd12t64 \
      libpocketsphinx3 pocketsphinx-en-us pocketsphinx-testdata libopusfile0 libmpg123-0t64 \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin backscribe \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log \
 && install -d -o 10001 -g 10001 /keys /samples /objects
COPY --from=build /install/ /
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["backscribe-standin", "--help"]
