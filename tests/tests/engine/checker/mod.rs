//! The plan checker: whatever the planner makes passes it, and every safety rule refuses the plan that breaks it.

mod case;
mod drill;
mod failover;
mod in_line;
mod left_out;
mod mutation;
mod property;
mod releases;
mod rules;
mod stores;
mod telling;
