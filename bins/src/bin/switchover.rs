//! `switchover`: look at hot-standby pairs.

fn main() -> std::process::ExitCode {
    switchover_bins::switchover()
}
