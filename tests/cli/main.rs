//! The binary as people use it: started as a process of its own, with its output read and its exit code looked at.

mod alerts;
mod commands;
mod demo;
mod doctor_tls;
mod help;
mod people;
mod program;
