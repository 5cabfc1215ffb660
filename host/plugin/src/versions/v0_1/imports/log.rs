//! The `log` interface: messages to the operator, bounded in `crate::log`.

use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::log;

impl log::Host for StoreData {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.charge(0)?;
        self.charge_bytes(message.len())?;
        let level = match level {
            log::Level::Trace => "trace",
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        self.log.push(level, "log", &message);
        Ok(())
    }
}
