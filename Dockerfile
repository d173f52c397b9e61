# syntax=docker/dockerfile:1
# One static program in an empty image: no shell, no libraries, nobody to log in as. `scripts/image` builds the same
# program with the same lines of this file and runs it in an empty root, for machines without an engine.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# glibc in the program. Root certificates and time zones are in it too; names are resolved by glibc's own "files" and
# "dns", which need no library beside them.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# Everything that is not ours is compiled in a layer of its own, which lasts until the dependencies change.
COPY Cargo.toml Cargo.lock ./
COPY crates/clock/Cargo.toml crates/clock/
COPY crates/twilio-simulator/Cargo.toml crates/twilio-simulator/
RUN mkdir -p src benches/hot crates/clock/src crates/twilio-simulator/src \
    && touch src/lib.rs crates/clock/src/lib.rs crates/twilio-simulator/src/lib.rs \
    && for main in build.rs src/main.rs benches/hot/main.rs; do echo 'fn main() {}' > "$main"; done \
    && cargo build --locked --profile image --all-features --target "$(rustc --print host-tuple)" \
    && rm -r src benches build.rs crates/*/src

COPY . .
# The commit, for --version, the logs and the metrics: there is no repository in here.
ARG TABLECALL_COMMIT
# Files come with their own dates, older than the empty ones before them: without `touch` nothing would be compiled.
RUN touch build.rs src/lib.rs src/main.rs crates/*/src/lib.rs \
    && cargo build --locked --profile image --all-features --target "$(rustc --print host-tuple)"
RUN mkdir -p /image/data \
    && cp "target/$(rustc --print host-tuple)/image/tablecall" /image/tablecall

FROM scratch
COPY --from=build /image/tablecall /tablecall
# The one place where anything is ever written, if it is asked for: TABLECALL_DO_NOT_CALL_FILE=/data/do-not-call.
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
# All addresses, port 8080; platforms set their own.
ENV PORT=8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/tablecall", "health"]
ENTRYPOINT ["/tablecall"]
