"""moto with what it lacks of RDS and EFS: states that take time, refusals, replication, data, and faults on demand."""
