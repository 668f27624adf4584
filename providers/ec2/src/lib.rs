//! EC2 Elastic IPs by Name tag as a side's address book.
