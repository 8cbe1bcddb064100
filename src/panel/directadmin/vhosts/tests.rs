use super::*;
use proptest::prelude::*;

fn hosts(text: &str, parse: Parse) -> VirtualHosts {
    VirtualHosts::parse(Path::new("conf"), text.as_bytes(), parse).unwrap()
}

fn root(hosts: &VirtualHosts, domain: &str) -> Option<(String, String)> {
    hosts.root(&Domain::new(domain).unwrap()).map(|(place, text)| (place, text.to_owned()))
}

fn found(place: &str, text: &str) -> Option<(String, String)> {
    Some((place.to_owned(), text.to_owned()))
}

#[test]
fn apache_names_and_roots() {
    let text = r#"# <VirtualHost *:80>
<VirtualHost 203.0.113.10:443 >
	SSLEngine on
	ServerName www.shop.example
	ServerAlias shop.example
	DocumentRoot /home/alice/domains/shop.example/private_html
</VirtualHost>
<VirtualHost 203.0.113.10:80 [2001:db8::1]:80>
	ServerName http://www.SHOP.example:80
	ServerAlias www.shop.example \
		shop.example. *.shop.example
	DocumentRoot /home/alice/old
	documentroot "/home/alice/domains/shop.example/public html"
	<Directory /home/alice/domains/shop.example>
		Options -Indexes
	</Directory>
</VirtualHost>
<VIRTUALHOST *:8081>
	SSLEngine On
	ServerName tls.example
	DocumentRoot '/home/alice/tls'
</virtualhost>
<VirtualHost *:80>
	ServerName shop.example
	DocumentRoot /home/alice/second
</VirtualHost>
<VirtualHost *:80>
	ServerName redirect.example
	Redirect 301 / https://shop.example/
</VirtualHost>
ServerName outside.example
DocumentRoot /var/www
"#;
    let hosts = hosts(text, apache::parse);
    let shop = found("conf:8", "/home/alice/domains/shop.example/public html");
    assert_eq!(root(&hosts, "shop.example"), shop);
    assert_eq!(root(&hosts, "www.shop.example"), shop);
    assert_eq!(root(&hosts, "tls.example"), found("conf:18", "/home/alice/tls"));
    for none in ["redirect.example", "outside.example", "blog.shop.example"] {
        assert_eq!(root(&hosts, none), None, "{none}");
    }
}

#[test]
fn nginx_names_and_roots() {
    let text = r#"# server { root /no; }
server {
	listen 203.0.113.10:443 ssl;
	server_name shop.example www.shop.example;
	root /home/alice/domains/shop.example/private_html;
}
server
{
	listen 203.0.113.10:80;
	server_name shop.example www.shop.example;
	root "/home/alice/domains/shop.example/public html"; # said once
	location / {
		root /elsewhere;
		if ($a = "}") { return 403; }
	}
	access_log /var/log/a\ b.log;
}
http { server { server_name inner.example; root /home/alice/inner; } }
"#;
    let hosts = hosts(text, nginx::parse);
    let shop = found("conf:8", "/home/alice/domains/shop.example/public html");
    assert_eq!(root(&hosts, "shop.example"), shop);
    assert_eq!(root(&hosts, "www.shop.example"), shop);
    assert_eq!(root(&hosts, "inner.example"), found("conf:18", "/home/alice/inner"));
}

#[test]
fn openlitespeed_names_and_roots() {
    let text = r#"virtualHost shop.example-443 {
  vhRoot /home/alice/domains/shop.example
  docRoot $VH_ROOT/private_html
  vhDomain shop.example
  vhssl {
    keyFile /x
    docRoot /no
  }
}
virtualHost shop.example {
  docRoot $VH_ROOT/public_html
  vhRoot /home/alice/domains/shop.example/
  vhDomain shop.example
  vhAliases www.shop.example, Alias.example
  rewrite  {
    rules <<<END_rules
    RewriteRule } {
    END_rules
  }
}
virtualHost no.example {
  docRoot $SERVER_ROOT/x
  vhDomain no.example
}
"#;
    let hosts = hosts(text, openlitespeed::parse);
    let shop = found("conf:10", "/home/alice/domains/shop.example/public_html");
    for name in ["shop.example", "www.shop.example", "alias.example"] {
        assert_eq!(root(&hosts, name), shop, "{name}");
    }
    assert_eq!(root(&hosts, "no.example"), found("conf:21", "$SERVER_ROOT/x"));
}

#[test]
fn what_is_cut_off_or_binary_has_a_line() {
    let cases: [(&[u8], Parse, &str); 12] = [
        (
            b"\n<VirtualHost *:80>\nServerName a.example\n",
            apache::parse,
            "conf:2: this <VirtualHost> is not closed",
        ),
        (b"</VirtualHost>", apache::parse, "conf:1: a </VirtualHost> ends nothing"),
        (
            b"<VirtualHost a>\n<VirtualHost b>\n",
            apache::parse,
            "conf:2: a <VirtualHost> begins within another",
        ),
        (b"a\n\0", apache::parse, "conf:2: there is a NUL byte"),
        (b"a\nb\n\xff", apache::parse, "conf:3: it is not UTF-8 text at \"\u{fffd}\""),
        (b"server {\nlocation / {\n}", nginx::parse, "conf:1: this block is not closed"),
        (b"server { root /x; }\n}", nginx::parse, "conf:2: a \"}\" closes nothing"),
        (b"server {\n root \"/x; }\n", nginx::parse, "conf:1: this block is not closed"),
        (b"\0", nginx::parse, "conf:1: there is a NUL byte"),
        (b"virtualHost a {\n docRoot /x\n", openlitespeed::parse, "conf:1: this block is not closed"),
        (b"}\n", openlitespeed::parse, "conf:1: a \"}\" closes nothing"),
        (b"a {\nrules <<<END\n}\n", openlitespeed::parse, "conf:2: the end of this value is missing"),
    ];
    for (bytes, parse, want) in cases {
        let error = VirtualHosts::parse(Path::new("conf"), bytes, parse).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(want));
    }
    for (_, parse) in FILES {
        assert!(VirtualHosts::parse(Path::new("conf"), b"", parse).unwrap().roots.is_empty());
    }
}

proptest! {
    #[test]
    fn never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "((<|</)?VirtualHost|server|root|docRoot|\\{|\\}|;|<<<|\\\\|\"|'|#|:443>|\n| |é){0,60}",
    ) {
        for (_, parse) in FILES {
            let _ = VirtualHosts::parse(Path::new("conf"), &bytes, parse);
            let _ = VirtualHosts::parse(Path::new("conf"), text.as_bytes(), parse);
        }
    }
}
