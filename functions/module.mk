# What `make apps` and `make functions` share: how a module gets into its place, and what is said about it in the end.

# npm's tools and its Node 26 before the system's.
MODULE_PATH := PATH="$(abspath $(dir $(lastword $(MAKEFILE_LIST)))../node_modules/.bin):$$PATH"

# Where a tool is, or nothing.
module_tool = $(shell $(MODULE_PATH) command -v $1)

# The sample that $@ belongs to: "fibonacci", "c/hello".
module_folder = $(firstword $(subst /target/, ,$(subst /build/, ,$@)))
module_sample = $(patsubst functions/%,%,$(patsubst experiments/application/%,%,$(module_folder)))

# $(call module_build,TOOL,COMMAND): makes $@ with a command that writes $$new/module.wasm. Nobody ever sees half of a
# module, nor anything but the module in its folder. Without the tool the module of an older source goes away.
module_build = $(if $(strip $1),echo "Building: $(module_sample)"; mkdir -p $(@D) && new=$$(mktemp -d $(@D).XXXXXX) \
  && trap 'rm -rf "$$new"' EXIT && export $(MODULE_PATH) \
  && { ( $2 ) >"$$new/log" 2>&1 || { cat "$$new/log" >&2; false; }; } \
  && chmod 644 "$$new/module.wasm" && mv "$$new/module.wasm" $@,rm -f $@)

# $(call module_report,MODULES,HOW TO GET THEIR TOOL): one line for each.
module_report = $(foreach module,$1,if [ -f $(module) ]; then printf '%9d bytes  %s\n' $$(wc -c <$(module)) $(module); \
  else printf '      not built  %s (needs: %s)\n' $(module) '$2'; fi;)
