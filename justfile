# Daily commands; `just` lists them.

# list the commands
default:
    @just --list

# a whole hospital on this machine
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# every test
test *ARGS:
    cargo test {{ARGS}}

# late data and rules of the past, over many more random days than a test run looks at
explore CASES="300":
    SPOR_TEST_CASES={{CASES}} cargo test --lib storage::tests::late

# what a change must pass
ci:
    .ci/run

# formats and lints
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# writes golden files, JSON Schemas, dashboards and the demo site anew: look at the difference
golden:
    UPDATE_GOLDEN=1 cargo test -p spor-schemas -p firmware-sim
    UPDATE_GOLDEN=1 cargo test --test it grafana::the_dashboards_are

# the simulated load of a whole hospital, against a running Spor
load *ARGS:
    cargo run --release -p firmware-sim -- load --tags 25000 --rate 12500 --seconds 120 {{ARGS}}

# from a publish to a committed row, with latencies and CPU, beside the yardsticks: docs/performance.md
bench *ARGS:
    cargo bench --bench end_to_end -- --plan json64,fixed50k --bare {{ARGS}}

# what the wall display takes in a browser: frames a second, and a search as a porter does it
bench-wall:
    cargo bench --bench wall

# what single steps cost: decode, zone look-up, smoothing, journal, COPY, event stream
bench-steps *ARGS:
    cargo bench --bench steps -- {{ARGS}}
