//! Helpers of the tests: the app, phones, real processes, servers and their stand-ins. No file in
//! here holds a test.

pub(crate) mod answer;
pub(crate) mod app;
pub(crate) mod call;
pub(crate) mod collector;
pub(crate) mod documented;
pub(crate) mod front;
pub(crate) mod instances;
pub(crate) mod listeners;
pub(crate) mod logs;
pub(crate) mod mortal;
pub(crate) mod needs;
pub(crate) mod pair;
pub(crate) mod phone;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod real_time;
pub(crate) mod receiver;
pub(crate) mod redis_server;
pub(crate) mod sentinels;
pub(crate) mod time;
pub(crate) mod webhook;
