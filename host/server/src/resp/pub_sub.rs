//! Messages from clients to clients, and from the host to clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::client::{Client, OutputLimit};
use super::glob;
use super::reply::{Reply, Version};

type Subscribers = HashMap<Box<[u8]>, Vec<Arc<Client>>>;

/// Who gets which messages.
#[derive(Debug, Default)]
pub(crate) struct PubSub {
    channels: RwLock<Subscribers>,
    patterns: RwLock<Subscribers>,
    /// Subscriptions of either kind: where there are none, publishing costs one look.
    subscriptions: AtomicUsize,
}

/// What a subscription names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Channel,
    Pattern,
}

impl PubSub {
    fn of(&self, to: To) -> &RwLock<Subscribers> {
        match to {
            To::Channel => &self.channels,
            To::Pattern => &self.patterns,
        }
    }

    pub(crate) fn subscribe(&self, to: To, name: &[u8], client: &Arc<Client>) {
        self.of(to).write().entry(name.into()).or_default().push(Arc::clone(client));
        self.subscriptions.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn unsubscribe(&self, to: To, name: &[u8], client: &Arc<Client>) {
        let mut all = self.of(to).write();
        let Some(subscribers) = all.get_mut(name) else { return };
        let before = subscribers.len();
        subscribers.retain(|other| !Arc::ptr_eq(other, client));
        self.subscriptions.fetch_sub(before - subscribers.len(), Ordering::SeqCst);
        if subscribers.is_empty() {
            all.remove(name);
        }
    }

    /// Hands a message to everybody who wants it, and says how many that are.
    pub(crate) fn publish(&self, channel: &[u8], message: &[u8], limit: OutputLimit<'_>) -> usize {
        if self.subscriptions.load(Ordering::SeqCst) == 0 {
            return 0;
        }
        let mut heard = 0;
        if let Some(subscribers) = self.channels.read().get(channel) {
            heard += hand_over(subscribers, &[b"message", channel, message], limit);
        }
        for (pattern, subscribers) in self.patterns.read().iter() {
            if glob::matches(pattern, channel) {
                heard += hand_over(subscribers, &[b"pmessage", pattern, channel, message], limit);
            }
        }
        heard
    }

    /// Channels with subscribers, of those that the pattern stands for.
    pub(crate) fn channels(&self, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let all = self.channels.read();
        let wanted = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        all.keys().filter(|name| wanted(name)).cloned().collect()
    }

    /// Subscribers of a channel.
    pub(crate) fn subscribers(&self, channel: &[u8]) -> usize {
        self.channels.read().get(channel).map_or(0, Vec::len)
    }

    /// Patterns with subscribers.
    pub(crate) fn patterns(&self) -> usize {
        self.patterns.read().len()
    }
}

fn hand_over(subscribers: &[Arc<Client>], parts: &[&[u8]], limit: OutputLimit<'_>) -> usize {
    let encode = |version| {
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, version);
        reply.push(parts.len());
        parts.iter().for_each(|part| reply.bulk(part));
        bytes
    };
    let (mut two, mut three) = (None, None);
    for client in subscribers {
        let bytes = match client.version() {
            Version::Two => two.get_or_insert_with(|| encode(Version::Two)),
            Version::Three => three.get_or_insert_with(|| encode(Version::Three)),
        };
        client.deliver(bytes, limit);
    }
    subscribers.len()
}
