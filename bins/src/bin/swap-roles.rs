//! `swap-roles`: swap the roles of a hot-standby pair.

fn main() -> std::process::ExitCode {
    switchover_bins::swap_roles()
}
