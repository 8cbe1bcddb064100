# Panelgate
#
#   make           builds the library, the command line and the CGI program for use
#   make demo      shows the whole path from the icon to the builder, on this machine, without root
#   make test      runs every test; says what is missing on this machine
#   make bench     measures, and writes tests/bench/README.md
#   make bundles   packs what panels take in, into $(BUILT)/bundles
#   make install   DESTDIR= PREFIX=/usr LIBDIR=$(PREFIX)/lib; needs nothing but what `make` has built
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

.PHONY: all page bundles demo test bench install

all: page
	$(CARGO) build --release --locked --no-default-features --features cli,sandbox --lib --bin panelgate
	cp $(addprefix $(CARGO_TARGET_DIR)/release/,panelgate libpanelgate.so libpanelgate.a) $(BUILT)/

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
	$(INSTALL) -m 644 LICENSE-MIT LICENSE-APACHE "$(DESTDIR)$(DOCDIR)/"
