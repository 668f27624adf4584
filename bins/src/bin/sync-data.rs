//! `sync-data`: bring the data of the stand-by up to date.

fn main() -> std::process::ExitCode {
    switchover_bins::sync_data()
}
