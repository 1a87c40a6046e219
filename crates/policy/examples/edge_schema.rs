//! Prints `docs/reference/edge.schema.json`.

#![expect(clippy::print_stdout, reason = "what it is for")]

fn main() {
    print!("{}", policy::config::file::schema());
}
