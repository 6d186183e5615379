# `make functions`: the samples' contracts in C, AssemblyScript and Go. Included by the repository's Makefile; works
# alone from the repository's root too: make -f functions/build.mk functions
#
# A missing toolchain is reported and is no error; a failing build is one. CLANG=… names another clang.

FUNCTIONS := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(FUNCTIONS)/module.mk
CLANG ?= clang

# $(call functions_modules,LANGUAGE,NAMES)
functions_modules = $(foreach name,$2,$(FUNCTIONS)/$1/$(name)/build/$(name).wasm)
FUNCTIONS_C := $(call functions_modules,c,authentication echo_string gcd factorial hypotenuse)
FUNCTIONS_C_WASI := $(call functions_modules,c,hello)
FUNCTIONS_AS := $(call functions_modules,assemblyscript,authentication echo_string hello add_one factorial hypotenuse)
FUNCTIONS_GO := $(call functions_modules,go,authentication echo_string hello)
FUNCTIONS_GO_REACTOR := $(call functions_modules,go,gcd)

# Whether a toolchain compiles and links the smallest program: "yes", or nothing. Asked when something is to be built.
functions_try_c = echo 'int main(void) { return 0; }' | $(CLANG) $1 -x c - -o /dev/null 2>/dev/null && echo yes
functions_try_go = cd $(FUNCTIONS)/go && export GOTOOLCHAIN=local && go list ./hello >/dev/null 2>&1 \
  && go tool dist list | grep -qx wasip1/wasm && echo yes
FUNCTIONS_HAS_C = $(shell $(call functions_try_c,--target=wasm32 -nostdlib -Xlinker --no-entry))
FUNCTIONS_HAS_WASI = $(shell $(call functions_try_c,--target=wasm32-wasi))
FUNCTIONS_HAS_GO = $(shell $(functions_try_go))

# -O2 is kept from clang's driver, which would look for a wasm-opt on PATH (npm puts one there) that refuses several
# results. The multi-value ABI makes a struct of two words two results; --stack-first makes a stack that overflows trap
# instead of eating the data.
FUNCTIONS_C_FLAGS := -std=c11 -Xclang -O2 -Wall -Wextra -Wl,--strip-all
FUNCTIONS_C_POINTERS := --target=wasm32 -nostdlib -ffreestanding -fno-builtin -mmultivalue \
  -Xclang -target-abi -Xclang experimental-mv -Wl,--no-entry -Wl,--stack-first -Wl,--export=__heap_base
# The stub runtime never frees and has no collector; without the import of abort, an abort traps.
FUNCTIONS_AS_FLAGS := -O --runtime stub --use abort=
FUNCTIONS_GO_BUILD := GOOS=wasip1 GOARCH=wasm GOTOOLCHAIN=local go build -trimpath -ldflags="-s -w"

.PHONY: functions clean-functions
functions: $(FUNCTIONS_C) $(FUNCTIONS_C_WASI) $(FUNCTIONS_AS) $(FUNCTIONS_GO) $(FUNCTIONS_GO_REACTOR)
	@$(call module_report,$(FUNCTIONS_C),apt-get install clang lld)
	@$(call module_report,$(FUNCTIONS_C_WASI),apt-get install clang lld wasi-libc libclang-rt-dev-wasm32)
	@$(call module_report,$(FUNCTIONS_AS),npm ci)
	@$(call module_report,$(FUNCTIONS_GO) $(FUNCTIONS_GO_REACTOR),Go 1.24: https://go.dev/dl or the golang-go of Debian 13)

# The folder of $@'s sample, and what the modules of each language are made of.
functions_folder = $(patsubst %/build/,%,$(dir $@))
FUNCTIONS_AS_SOURCES := $(wildcard $(addprefix $(FUNCTIONS)/assemblyscript/,assembly/*.ts */assembly/*.ts))
$(FUNCTIONS_C) $(FUNCTIONS_C_WASI): $(wildcard $(FUNCTIONS)/c/*/*.[ch]) $(FUNCTIONS)/build.mk
$(FUNCTIONS_AS): $(FUNCTIONS_AS_SOURCES) $(FUNCTIONS)/build.mk
$(FUNCTIONS_GO) $(FUNCTIONS_GO_REACTOR): $(wildcard $(FUNCTIONS)/go/*/*.go) $(FUNCTIONS)/go/go.mod $(FUNCTIONS)/build.mk

$(FUNCTIONS_C):
	@$(call module_build,$(FUNCTIONS_HAS_C),$(CLANG) $(FUNCTIONS_C_FLAGS) $(FUNCTIONS_C_POINTERS) \
	  -o "$$new/module.wasm" $(functions_folder)/$(basename $(@F)).c $(FUNCTIONS)/c/shared/*.c)

$(FUNCTIONS_C_WASI):
	@$(call module_build,$(FUNCTIONS_HAS_WASI),$(CLANG) $(FUNCTIONS_C_FLAGS) --target=wasm32-wasi \
	  -o "$$new/module.wasm" $(functions_folder)/$(basename $(@F)).c)

$(FUNCTIONS_AS):
	@$(call module_build,$(call module_tool,asc),asc $(functions_folder)/assembly/index.ts \
	  $(FUNCTIONS_AS_FLAGS) -o "$$new/module.wasm")

$(FUNCTIONS_GO_REACTOR): functions_go_mode := -buildmode=c-shared
$(FUNCTIONS_GO) $(FUNCTIONS_GO_REACTOR):
	@$(call module_build,$(FUNCTIONS_HAS_GO),cd $(FUNCTIONS)/go && $(FUNCTIONS_GO_BUILD) $(functions_go_mode) \
	  -o "$$OLDPWD/$$new/module.wasm" ./$(basename $(@F)) && cd "$$OLDPWD")

clean-functions:
	rm -rf $(FUNCTIONS)/*/*/build
