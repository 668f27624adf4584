//! EFS file systems that replicate themselves.
