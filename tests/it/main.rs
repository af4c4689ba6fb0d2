//! Tests against the built program and real parts: broker sockets, Postgres, a browser.

#![allow(clippy::unwrap_used)]

#[path = "../outages/mod.rs"]
mod outages;
#[path = "../support/mod.rs"]
mod support;

mod alerts;
mod archive;
mod commands;
mod demo;
mod expected;
mod find;
mod first_path;
mod front_door;
mod grafana;
mod idle;
mod login;
mod openapi;
mod outside_broker;
mod pages;
mod par;
mod people;
mod real_clients;
mod recompute;
mod replay;
mod site_file;
mod status;
mod storing_on_change;
mod structure;
mod timescale;
mod wall;
mod wall_states;
mod who;
