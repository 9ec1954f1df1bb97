# One binary on a small Debian. Mount the rules folder at /rules; the data (journal, bookings, key) lives in /data.
#
#   docker build -t waypost .
#   docker run -p 8080:8080 -v "$PWD/rules:/rules:ro" -v waypost:/data waypost
#
# With `:ro` the rules are changed outside only. Without it the pages publish into the folder, and commit where it is a git
# repository: the user 10001 must be able to write there. That is what git is in the image for; it takes the folder of
# another user, since that is what a mounted folder is.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked && strip --strip-debug target/release/waypost

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 waypost \
 && useradd --system --uid 10001 --gid waypost --home-dir /data --shell /usr/sbin/nologin waypost \
 && mkdir /data /rules \
 && chown waypost:waypost /data \
 && chmod 700 /data \
 && git config --system --add safe.directory /rules
COPY --from=build /src/target/release/waypost /usr/local/bin/waypost
USER 10001:10001
VOLUME /data
ENV WAYPOST_DATA=/data WAYPOST_RULES=/rules WAYPOST_LISTEN=0.0.0.0:8080
# Webhooks only. The pages stay on the container's own loopback.
EXPOSE 8080
ENTRYPOINT ["waypost"]
CMD ["serve"]
