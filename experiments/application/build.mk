# `make apps`: WasmEngine's samples. Included by the repository's Makefile; works alone from the repository's root too:
#   make -f experiments/application/build.mk apps
#
# A missing toolchain is reported and is no error; a failing build is one. RUSTC=… names a Rust compiler to try first.

APPS := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(APPS)/../../functions/module.mk

apps_modules = $(foreach name,$2,$(APPS)/$(name)/target/$1/release/$(name).wasm)
APPS_LIBRARIES := $(call apps_modules,wasm32-unknown-unknown,authentication echo_string add_one)
APPS_COMMANDS := $(call apps_modules,wasm32-wasi,authentication-wasi hello fibonacci)
APPS_TEXTS := $(APPS)/gcd/build/gcd.wasm

# "/usr/bin/rustc wasm32-wasi", or nothing: looked for once, and only if something is to be built.
apps_find = $(shell RUSTC="$(RUSTC)" $(APPS)/find-rustc $1)
APPS_RUST = $(eval APPS_RUST := $(call apps_find,wasm32-unknown-unknown))$(APPS_RUST)
APPS_RUST_WASI = $(eval APPS_RUST_WASI := $(call apps_find,wasm32-wasip1 wasm32-wasi))$(APPS_RUST_WASI)

# A pair of results needs LLVM 18 (rustc 1.81) or older: shared/contract.rs.
apps_is_packed = $1 -vV | awk '/^LLVM version/ && $$3 >= 19 { print "--cfg packed" }'
APPS_PACKED = $(if $(APPS_RUST),$(shell $(call apps_is_packed,$(firstword $(APPS_RUST)))))

apps_rustc = $(firstword $1) --target $(lastword $1) --edition 2021 -O -C panic=abort -C lto -C link-arg=--strip-all \
  -o "$$new/module.wasm"
apps_source = $(APPS)/$(basename $(@F))

.PHONY: apps clean-apps
apps: $(APPS_LIBRARIES) $(APPS_COMMANDS) $(APPS_TEXTS)
	@$(call module_report,$(APPS_LIBRARIES),$(apps_get_rust) wasm32-unknown-unknown)
	@$(call module_report,$(APPS_COMMANDS),$(apps_get_rust) wasm32-wasip1)
	@$(call module_report,$(APPS_TEXTS),npm ci; or: apt-get install wabt)
apps_get_rust = apt-get install rustc libstd-rust-dev-wasm32 lld; or: rustup target add

$(APPS_LIBRARIES) $(APPS_COMMANDS): $(wildcard $(APPS)/*/src/*.rs $(APPS)/shared/*.rs) $(APPS)/build.mk
$(APPS_TEXTS): $(wildcard $(APPS)/*/*.wat) $(APPS)/build.mk

$(APPS_LIBRARIES):
	@$(call module_build,$(APPS_RUST),$(call apps_rustc,$(APPS_RUST)) --crate-type cdylib $(APPS_PACKED) \
	  -C target-feature=+multivalue -C link-arg=--export=__heap_base $(apps_source)/src/lib.rs)

$(APPS_COMMANDS):
	@$(call module_build,$(APPS_RUST_WASI),$(call apps_rustc,$(APPS_RUST_WASI)) $(apps_source)/src/main.rs)

$(APPS_TEXTS):
	@$(call module_build,$(call module_tool,wat2wasm),wat2wasm -o "$$new/module.wasm" $(apps_source)/$(basename $(@F)).wat)

clean-apps:
	rm -rf $(APPS)/*/target $(APPS)/*/build
