//! The virtual machine that all filters of the module must share.
//!
//! Envoy makes one VM per worker of all plugins whose `vm_config` is the same, and only there do
//! the filters find each other's requests. A filter with another one works alone: its attempts carry
//! no key and nobody judges their answers. The writer is another module and has another VM.

use super::at::At;
use super::bootstrap_view::{BootstrapView, Listener, Plugin};
use super::{Finding, compare, error};
use crate::envoy::reasons::Part;

/// The filter whose `vm_config` most filters have; the first of them.
pub(super) fn common<'s, 'a>(view: &'s BootstrapView<'a>) -> Option<&'s Plugin<'a>> {
    let like =
        |plugin: &Plugin<'_>| view.module_filters().filter(|other| alike(plugin, other)).count();
    // `max_by_key` takes the last of equals.
    let filters: Vec<&Plugin<'_>> = view.module_filters().collect();
    filters.into_iter().rev().max_by_key(|plugin| like(plugin))
}

/// Each filter with what only its own plugin says, and those that have another VM.
pub(super) fn look(view: &BootstrapView<'_>, common: Option<&Plugin<'_>>) -> Vec<Finding> {
    let Some(common) = common else { return Vec::new() };
    let others = view.module_filters().filter(|plugin| !alike(plugin, common));
    others
        .map(|plugin| {
            error(
                plugin.config.path_of("vm_config"),
                format!(
                    "differs from that of the other filters, as at `{}`",
                    common.config.path_of("vm_config")
                ),
                "all filters but the last-words filter need the same `vm_config`, word for word, to share one VM per \
                 worker",
            )
        })
        .collect()
}

/// What the table says about filters, and once about the VM that they have in common.
pub(super) fn rows(common: Option<&Plugin<'_>>, wanted: &Listener<'_>) -> Vec<Finding> {
    let rendered = wanted.seat("gateway").map(|(_, plugin)| plugin.config.clone());
    let (Some(common), Some(rendered)) = (common, rendered) else { return Vec::new() };
    let found = compare::one(Part::Filter, &rendered, &common.config);
    found.into_iter().filter(|one| one.problem.path.contains("vm_config")).collect()
}

/// What the table says about this filter alone: about its VM only where that is its own.
pub(super) fn filter(rendered: &At<'_>, plugin: &Plugin<'_>) -> Vec<Finding> {
    let part = plugin.part();
    let found = compare::one(part, rendered, &plugin.config);
    let own = |one: &Finding| part == Part::LastWords || !one.problem.path.contains("vm_config");
    found.into_iter().filter(own).collect()
}

fn alike(one: &Plugin<'_>, other: &Plugin<'_>) -> bool {
    let vm = |plugin: &Plugin<'_>| plugin.config.field("vm_config").map(|vm| vm.value.clone());
    vm(one) == vm(other)
}
