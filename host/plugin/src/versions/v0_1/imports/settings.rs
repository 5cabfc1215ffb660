//! The `settings` interface: what the profile gives to this strategy, checked against its description.

use super::RECORD;
use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::settings;

impl settings::Host for StoreData {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.charge(1)?;
        self.charge_bytes(name.len())?;
        Ok(self.settings.get(&name).cloned())
    }

    fn all(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.charge(self.settings.len() * RECORD)?;
        Ok(self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}
