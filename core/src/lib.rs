//! Swap the roles of hot-standby pairs.
