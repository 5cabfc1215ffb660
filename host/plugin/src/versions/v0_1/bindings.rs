//! What the contract in `wit/` looks like from the host's side, generated.
//!
//! Exports are called asynchronously so that a guest that waits gives the thread back to
//! [`crate::call`], which decides what waiting means; imports never wait. They may stop a guest that
//! has used up what it may cost the host.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "optimizer:plugin/strategy",
    imports: { default: trappable },
    exports: { default: async },
});

/// World `eviction`, with the interfaces that it shares with strategies.
pub(crate) mod eviction {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "optimizer:plugin/eviction",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "optimizer:plugin/types": super::optimizer::plugin::types,
            "optimizer:plugin/settings": super::optimizer::plugin::settings,
            "optimizer:plugin/log": super::optimizer::plugin::log,
        },
    });
}
