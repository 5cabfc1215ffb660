//! The `state` interface: what the strategy has learnt, bounded and kept in `crate::state`.

use super::RECORD;
use crate::state::{Caps, NotKept, Refused};
use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::state::{self, StateError};

impl state::Host for StoreData {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.charge(1)?;
        self.charge_bytes(key.len())?;
        let Some(value) = self.learnt.get(&key) else { return Ok(None) };
        self.charge_bytes(value.len())?;
        Ok(Some(value.to_vec()))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), StateError>> {
        self.charge(RECORD)?;
        self.charge_bytes(key.len().saturating_add(value.len()))?;
        let caps = self.state_caps;
        Ok(self.learnt.set(key, value, caps).map_err(|refused| self.refusal(refused, caps)))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<bool> {
        self.charge(RECORD)?;
        self.charge_bytes(key.len())?;
        Ok(self.learnt.delete(&key))
    }

    fn keys(&mut self) -> wasmtime::Result<Vec<String>> {
        let keys = self.learnt.keys();
        self.charge(keys.len() * RECORD)?;
        Ok(keys)
    }
}

impl StoreData {
    /// The answer to the strategy. A limit is told to the operator as well, who alone can raise it.
    fn refusal(&mut self, refused: NotKept, caps: Caps) -> StateError {
        let table = &self.limits_table;
        let (error, text) = match refused {
            NotKept::Unavailable => return StateError::Unavailable,
            NotKept::Refused(Refused::BadKey(wrong)) => return StateError::BadKey(wrong),
            NotKept::Refused(Refused::TooManyKeys) => {
                let text =
                    format!("at most {} keys are kept; raise `{table}.state-keys` to keep more", caps.keys);
                (StateError::TooManyKeys(text.clone()), text)
            }
            NotKept::Refused(Refused::TooLarge) => {
                let text = format!(
                    "at most {} bytes are kept; raise `{table}.state-bytes` to keep more",
                    caps.bytes
                );
                (StateError::TooLarge(text.clone()), text)
            }
        };
        if self.learnt.first_met() {
            self.log.push("warn", "host", &format!("not all that it has learnt is kept: {text}"));
        }
        error
    }
}
