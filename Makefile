# Panelgate
#
#   make           builds the library, the command line and the CGI program for use
#   make demo      shows the whole path from the icon to the builder, on this machine, without root
#   make test      runs every test; says what is missing on this machine
#   make bench     measures, and writes tests/bench/README.md
#   make bundles   packs what panels take in, into $(BUILT)/bundles
#   make install   DESTDIR= PREFIX=/usr LIBDIR=$(PREFIX)/lib; needs nothing but what `make` has built
#   make packages  builds for every Linux with glibc 2.28, makes DEB and RPM of it, and checks them: packaging/README.md
#
# The CGI program holds the `cgi` crate, which is AGPL-3.0. Library and command line are built without it, so two builds are made, and each
# one's files are copied out before the next.

PREFIX ?= /usr
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
# Started by web server and panels, never typed by people.
PROGRAMDIR ?= $(PREFIX)/lib/panelgate
DOCDIR ?= $(PREFIX)/share/doc/panelgate
DATADIR ?= $(PREFIX)/share/panelgate
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d

CARGO ?= cargo
INSTALL ?= install
CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR

# Where `make install` finds what was built. Set PREBUILT to install programs and libraries that were built elsewhere.
BUILT = $(if $(PREBUILT),$(PREBUILT),$(CARGO_TARGET_DIR)/package)

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
# The first number is the SONAME's (build.rs) and changes only with the ABI.
SOVERSION := 1
LIBRARY := libpanelgate.so.$(SOVERSION).0.0

# The oldest glibc of the systems that the packages are for (AlmaLinux 8).
GLIBC := 2.28
MACHINE := $(shell uname -m)-unknown-linux-gnu
TOOLS = $(CARGO_TARGET_DIR)/packaging-tools

.PHONY: all programs page manual bundles demo test bench install packages

all: page manual programs bundles

programs:
	$(CARGO) build --release --locked --no-default-features --features cli,sandbox --lib --bin panelgate
	mkdir -p $(BUILT)
	cp $(addprefix $(CARGO_TARGET_DIR)/release/,panelgate libpanelgate.so libpanelgate.a) $(BUILT)/

# Manual pages and completions, from the definition of the command line. Quick to build is what counts here.
manual:
	$(CARGO) run --quiet --locked --example manual -- $(BUILT)

# A page starts once for every click: linked statically, without the loader's work, it does so in half the time. It asks neither the user database nor
# name servers, which is what a static program could not do well. PROFILE is Cargo's.
page: PROFILE ?= release
page: HOST = $(shell rustc -vV | sed -n 's/^host: //p')
page:
	RUSTFLAGS="$(RUSTFLAGS) -C target-feature=+crt-static" $(CARGO) build --profile $(PROFILE) --locked --target $(HOST) \
		--no-default-features --features cgi --bin panelgate-cgi
	mkdir -p $(BUILT)
	cp $(CARGO_TARGET_DIR)/$(HOST)/$(PROFILE:dev=debug)/panelgate-cgi $(BUILT)/

bundles: $(if $(PREBUILT),,page)
	packaging/bundles "$(BUILT)"

demo:
	$(CARGO) build --locked --bin panelgate
	$(CARGO) run --locked --quiet --bin panelgate -- demo

test:
	tests/run

bench:
	tests/bench/run
	tests/bench/calls
	tests/bench/hooks

install: $(if $(PREBUILT),,all)
	$(INSTALL) -d $(foreach dir,$(BINDIR) $(PROGRAMDIR) $(LIBDIR) $(PKGCONFIGDIR) $(INCLUDEDIR) $(DOCDIR),"$(DESTDIR)$(dir)")
	$(INSTALL) -m 755 "$(BUILT)/panelgate" "$(DESTDIR)$(BINDIR)/panelgate"
	$(INSTALL) -m 755 "$(BUILT)/panelgate-cgi" "$(DESTDIR)$(PROGRAMDIR)/panelgate.cgi"
	# The same program under the name that makes it the publication endpoint.
	ln -sf panelgate.cgi "$(DESTDIR)$(PROGRAMDIR)/publish.cgi"
	$(INSTALL) -m 755 "$(BUILT)/libpanelgate.so" "$(DESTDIR)$(LIBDIR)/$(LIBRARY)"
	ln -sf $(LIBRARY) "$(DESTDIR)$(LIBDIR)/libpanelgate.so.$(SOVERSION)"
	ln -sf libpanelgate.so.$(SOVERSION) "$(DESTDIR)$(LIBDIR)/libpanelgate.so"
	$(INSTALL) -m 644 "$(BUILT)/libpanelgate.a" "$(DESTDIR)$(LIBDIR)/libpanelgate.a"
	$(INSTALL) -m 644 include/panelgate.h "$(DESTDIR)$(INCLUDEDIR)/panelgate.h"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' packaging/panelgate.pc.in > "$(DESTDIR)$(PKGCONFIGDIR)/panelgate.pc"
	chmod 644 "$(DESTDIR)$(PKGCONFIGDIR)/panelgate.pc"
	$(INSTALL) -d "$(DESTDIR)$(DOCDIR)/webserver"
	$(INSTALL) -m 644 packaging/webserver/* "$(DESTDIR)$(DOCDIR)/webserver/"
	$(INSTALL) -m 644 LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md SECURITY.md docs/operations.md docs/setup.md docs/*.ini "$(DESTDIR)$(DOCDIR)/"
	# The licence of this one program, beside it.
	$(INSTALL) -m 644 packaging/LICENSE-AGPL-3.0 "$(DESTDIR)$(PROGRAMDIR)/panelgate.cgi.LICENSE"
	$(INSTALL) -d $(foreach dir,$(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR) $(BASHDIR) $(ZSHDIR) $(FISHDIR),"$(DESTDIR)$(dir)")
	for unit in packaging/systemd/panelgate*; do \
		sed -e 's|/usr/bin/panelgate|$(BINDIR)/panelgate|g' "$$unit" > "$(DESTDIR)$(UNITDIR)/$${unit##*/}" && \
		chmod 644 "$(DESTDIR)$(UNITDIR)/$${unit##*/}" || exit 1; \
	done
	$(INSTALL) -m 644 packaging/systemd/sysusers.conf "$(DESTDIR)$(SYSUSERSDIR)/panelgate.conf"
	$(INSTALL) -m 644 packaging/systemd/tmpfiles.conf "$(DESTDIR)$(TMPFILESDIR)/panelgate.conf"
	$(INSTALL) -d $(foreach section,1 5 8,"$(DESTDIR)$(MANDIR)/man$(section)")
	$(INSTALL) -m 644 "$(BUILT)"/man/*.1 "$(DESTDIR)$(MANDIR)/man1/"
	$(INSTALL) -m 644 "$(BUILT)"/man/*.5 "$(DESTDIR)$(MANDIR)/man5/"
	$(INSTALL) -m 644 packaging/man/*.8 "$(DESTDIR)$(MANDIR)/man8/"
	$(INSTALL) -m 644 "$(BUILT)/completions/panelgate.bash" "$(DESTDIR)$(BASHDIR)/panelgate"
	$(INSTALL) -m 644 "$(BUILT)/completions/_panelgate" "$(DESTDIR)$(ZSHDIR)/_panelgate"
	$(INSTALL) -m 644 "$(BUILT)/completions/panelgate.fish" "$(DESTDIR)$(FISHDIR)/panelgate.fish"
	# What panels take in, where it was built.
	$(INSTALL) -d "$(DESTDIR)$(DATADIR)/bundles"
	for bundle in "$(BUILT)"/bundles/*; do \
		[ ! -e "$$bundle" ] || $(INSTALL) -m 644 "$$bundle" "$(DESTDIR)$(DATADIR)/bundles/" || exit 1; \
	done
	# What panels run. A file that is a program here is one there.
	$(INSTALL) -d "$(DESTDIR)$(DATADIR)/panel-hooks"
	cd panel-hooks && find . -name __pycache__ -prune -o -type f -print | while read -r file; do \
		if [ -x "$$file" ]; then mode=755; else mode=644; fi; \
		$(INSTALL) -D -m "$$mode" "$$file" "$(DESTDIR)$(DATADIR)/panel-hooks/$$file" || exit 1; \
	done

packages:
	packaging/tools "$(TOOLS)"
	PATH="$(abspath $(TOOLS))/bin:$$PATH" $(MAKE) page CARGO='cargo auditable' PREBUILT="$(TOOLS)/built"
	$(MAKE) manual PREBUILT="$(TOOLS)/built"
	PATH="$(abspath $(TOOLS))/bin:$$PATH" cargo auditable zigbuild --release --locked --target $(MACHINE).$(GLIBC) \
		--no-default-features --features cli,sandbox --lib --bin panelgate
	cp $(addprefix $(CARGO_TARGET_DIR)/$(MACHINE)/release/,panelgate libpanelgate.so libpanelgate.a) "$(TOOLS)/built/"
	packaging/bundles "$(TOOLS)/built"
	rm -rf "$(CARGO_TARGET_DIR)/packages"
	packaging/packages "$(TOOLS)/built" "$(CARGO_TARGET_DIR)/packages"
	packaging/check --glibc $(GLIBC) "$(CARGO_TARGET_DIR)/packages"
