//! The names that a choice takes.

use std::fmt;
use std::sync::Arc;

use crate::answer::Refusal;

/// Reads a name, and gives its canonical spelling.
type Read = dyn Fn(&str) -> Result<String, Refusal> + Send + Sync;

/// Names from which a dial is chosen, such as the eviction policies. Cheap to clone.
///
/// A name can have more spellings than the one that is listed: `lirs(hir=0.1)` is `lirs` with a parameter.
#[derive(Clone)]
pub struct Names {
    listed: Arc<[String]>,
    read: Option<Arc<Read>>,
}

impl Names {
    /// These names; any other text is read by `read`, which answers the canonical spelling.
    pub fn new(
        listed: impl IntoIterator<Item = String>,
        read: impl Fn(&str) -> Result<String, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self { listed: listed.into_iter().collect(), read: Some(Arc::new(read)) }
    }

    /// The names, without parameters.
    #[must_use]
    pub fn listed(&self) -> &[String] {
        &self.listed
    }

    /// The canonical spelling of a name.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] with the listed names for any other; [`Refusal::Invalid`] for a parameter that it does not
    /// take.
    pub fn read(&self, text: &str) -> Result<String, Refusal> {
        if self.listed.iter().any(|name| name == text) {
            return Ok(text.to_owned());
        }
        match &self.read {
            Some(read) => read(text),
            None => Err(Refusal::Unknown(self.listed.to_vec())),
        }
    }
}

/// Exactly these names.
impl From<Vec<String>> for Names {
    fn from(listed: Vec<String>) -> Self {
        Self { listed: listed.into(), read: None }
    }
}

impl PartialEq for Names {
    /// Whether the same names are listed.
    fn eq(&self, other: &Self) -> bool {
        self.listed == other.listed
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.listed.iter()).finish()
    }
}
