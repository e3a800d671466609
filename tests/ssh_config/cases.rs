//! Configurations that make sense.

/// A configuration file and what follows `-G -F FILE`.
pub(crate) const CONFIGURATIONS: &[(&str, &[&str])] = &[
    // Blocks and their order.
    ("Host web\n Port 1\nHost *\n Port 2\n User all\n", &["web"]),
    ("Host web\n Port 1\nHost *\n Port 2\n", &["db"]),
    ("Host * !web\n Port 1\nHost web\n Port 2\n", &["web"]),
    ("Host !web *\n Port 1\n", &["web"]),
    ("Host WEB\n Port 1\n", &["web"]),
    ("Host 10.0.?.* *.example.com\n User x\n", &["10.0.1.200"]),
    ("Host 10.0.?.* *.example.com\n User x\n", &["a.example.com"]),
    ("Host \"web\" 'db'\n User x\n", &["db"]),
    ("Host web # comment\n User x # comment\n", &["web"]),
    ("Port=1\nUser = \"me too\"\nHostName=\t10.0.0.1\n", &["web"]),
    ("\r\n\tPort 1\r\n  # x\r\n\r\nUser me\r\n", &["web"]),
    ("User me\nPort 1\nUser you\nPort 2", &["web"]),
    ("port 1\nPORT 2\npOrT 3\n", &["web"]),
    // Match.
    ("Match host web\n Port 1\n", &["web"]),
    ("Match host *,!web\n Port 1\n", &["web"]),
    ("Match !host web\n Port 1\n", &["web"]),
    ("Match host=web user=me\n Port 1\n", &["me@web"]),
    ("Match user me\n Port 1\n", &["-l", "me", "web"]),
    ("User me\nMatch user me\n Port 1\n", &["web"]),
    ("Match user me,you\n Port 1\n", &["you@web"]),
    (
        "Match localuser root\n Port 1\nMatch !localuser root\n Port 2\n",
        &["web"],
    ),
    ("HostName other\nMatch host other\n Port 1\n", &["web"]),
    (
        "HostName other\nMatch originalhost web\n Port 1\n",
        &["web"],
    ),
    (
        "HostName %h.example.com\nMatch host *.example.com\n Port 1\n",
        &["web"],
    ),
    ("Match all\n Port 1\n", &["web"]),
    ("Match !all\n Port 1\n", &["web"]),
    ("Match host web all\n Port 1\n", &["web"]),
    ("Match canonical all\n Port 1\n", &["web"]),
    ("Match exec true\n Port 1\n", &["web"]),
    (
        "Match exec false\n Port 1\nMatch !exec false\n Port 2\n",
        &["web"],
    ),
    (
        "Match exec \"test %h = web -a %p = 22 -a %r = me\"\n Port 1\n",
        &["me@web"],
    ),
    (
        "Match host db exec \"touch DIR/ran\"\n Port 1\nMatch exec \"test -e DIR/ran\"\n Port 2\n",
        &["web"],
    ),
    ("Match final\n Port 1\n", &["web"]),
    (
        "HostName other\nMatch final host other\n User me\nHost other\n Port 1\n",
        &["web"],
    ),
    ("SendEnv A\nMatch final all\n SendEnv B\n", &["web"]),
    ("Match HOST web LocalUser *\n Port 1\n", &["web"]),
    ("Host db\n Match host web\n  Port 1\n", &["web"]),
    // Lists that gather.
    (
        "IdentityFile a\nIdentityFile ~/b\nIdentityFile a\nCertificateFile c\nCertificateFile d\n",
        &["web"],
    ),
    ("IdentityFile a\n", &["-i", "DIR/config", "web"]),
    (
        "SendEnv A B*\nSendEnv -B* C\nSetEnv D=1 \"E=2 3\"\nSetEnv F=4\n",
        &["web"],
    ),
    (
        "LocalForward 1 a:2\nLocalForward [::1]:3 [::2]:4\nLocalForward /a /b\nLocalForward 1 a:2\n",
        &["web"],
    ),
    (
        "RemoteForward 1 a:2\nRemoteForward 0 a:2\nRemoteForward 3\nDynamicForward 4\nDynamicForward lo:5\n",
        &["web"],
    ),
    (
        "LocalForward 1 a:2\nDynamicForward 4\nRemoteForward 5 b:6\n",
        &["-oClearAllForwardings=yes", "web"],
    ),
    ("PermitRemoteOpen a:1 b:*\nPermitRemoteOpen c:2\n", &["web"]),
    ("LocalForward ${EIC_TEST}/a %h/b\n", &["web"]),
    // Rest of the line.
    ("ProxyCommand  nc \"%h\" %p # all of it\n", &["web"]),
    ("ProxyCommand none\nProxyCommand nc\n", &["web"]),
    ("ProxyJump a\nProxyCommand nc\n", &["web"]),
    ("ProxyCommand nc\nProxyJump a\n", &["web"]),
    ("ProxyJump none\nProxyJump a\n", &["web"]),
    (
        "ProxyJump one,you@two:22,ssh://me@[10.0.0.1]:2222\n",
        &["web"],
    ),
    ("ProxyJump a;b\nUser c;d\n", &["web"]),
    ("ProxyJump a%b\n", &["web"]),
    ("ProxyJump [::1]:22 # comment\n", &["web"]),
    (
        "Host web\n ProxyJump none\nHost *\n ProxyJump jump\n",
        &["web"],
    ),
    (
        "LocalCommand echo %h\nRemoteCommand uptime %h %n %p %r %u %d %i %l %L %k %%\n",
        &["web"],
    ),
    (
        "RemoteCommand echo %C\nUser me\nPort 99\n",
        &["Web.Example.com"],
    ),
    ("KnownHostsCommand /bin/x %H\n", &["web"]),
    // Tokens, variables and home folders.
    (
        "HostName %h.example.com\nControlPath ~/.ssh/%r@%h:%p-%n\n",
        &["Web"],
    ),
    ("ControlPath ${EIC_TEST}/%C\nHostKeyAlias ALIAS\n", &["web"]),
    ("ControlPath none\n", &["-oControlPath=/x", "web"]),
    ("ControlPath ~root/x\n", &["web"]),
    (
        "UserKnownHostsFile ~/a /b/%h ${EIC_TEST}\nGlobalKnownHostsFile /c ~/d\n",
        &["web"],
    ),
    (
        "UserKnownHostsFile none\nGlobalKnownHostsFile none\n",
        &["web"],
    ),
    ("UserKnownHostsFile ~/.ssh/known_hosts\n", &["web"]),
    ("UserKnownHostsFile /dev/null\n", &["web"]),
    (
        "IdentityAgent ~/agent-%u\nIdentityFile ~/%h/${EIC_TEST}\n",
        &["web"],
    ),
    (
        "IdentityAgent $SSH_AUTH_SOCK\nAddKeysToAgent confirm 5m\n",
        &["web"],
    ),
    ("HostName 127.1\n", &["web"]),
    // Names that OpenSSH passes over.
    ("IgnoreUnknown foo*,bar\nFooBar 1\nBar \"2\"\n", &["web"]),
    ("IgnoreUnknown Foo*\nFOO 1\n", &["web"]),
    (
        "Protocol 2\nUseRoaming no\nCipher 3des\nUsePrivilegedPort yes\n",
        &["web"],
    ),
    ("RSAAuthentication yes\nCompressionLevel 6\n", &["web"]),
    (
        "Host db\n VisualHostKey yes\n BatchMode yes\nHost web\n Compression yes\n",
        &["web"],
    ),
    (
        "ServerAliveInterval 1m\nConnectTimeout 1h30m\nForwardX11Timeout 1w\n",
        &["web"],
    ),
    ("ConnectTimeout none\nConnectTimeout 5\n", &["web"]),
    ("RekeyLimit 1G\nRekeyLimit 2G 1h\n", &["web"]),
    ("RekeyLimit default none\n", &["web"]),
    (
        "LogLevel DEBUG2\nLogVerbose a.c:*:1,b.c:*\nSyslogFacility LOCAL3\n",
        &["web"],
    ),
    (
        "Host *\n ForwardAgent yes\nHost web\n ForwardAgent no\n",
        &["web"],
    ),
    (
        "CanonicalDomains example.com Example.ORG.\nCanonicalizeMaxDots 3\n",
        &["web"],
    ),
    (
        "CanonicalizePermittedCNAMEs *.a.com:*.b.com\nProxyCommand x\n",
        &["web"],
    ),
    (
        "CanonicalizeHostname yes\nCanonicalDomains invalid\nHost web\n Port 1\n",
        &["web"],
    ),
    (
        "CanonicalizeHostname yes\nMatch canonical\n Port 1\n",
        &["10.0.0.1"],
    ),
    ("UpdateHostKeys ask\n", &["web"]),
    ("UpdateHostKeys ask\n", &["web", "true"]),
    ("VerifyHostKeyDNS yes\n", &["web"]),
    (
        "UpdateHostKeys ask\nControlPath /x\nControlPersist yes\n",
        &["web"],
    ),
    // Algorithms.
    (
        "Ciphers aes128-ctr,aes256-ctr\nMACs umac-64@openssh.com\nKexAlgorithms curve25519-sha256\n",
        &["web"],
    ),
    (
        "HostKeyAlgorithms ssh-ed25519,ssh-rsa*\nPubkeyAcceptedKeyTypes ssh-ed25519\n",
        &["web"],
    ),
    (
        "CASignatureAlgorithms ssh-ed25519\nHostbasedKeyTypes rsa-sha2-512\n",
        &["web"],
    ),
];

/// Files, of which `config` is read first, and a host.
pub(crate) const INCLUDES: &[(&[(&str, &str)], &str)] = &[
    (
        &[
            ("config", "Include DIR/more\nPort 1\n"),
            ("more", "Port 2\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Port 1\nInclude DIR/more*\n"),
            ("more1", "User a\n"),
            ("more2", "User b\nPort 2\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Host db\n Include DIR/more\nHost web\n Port 1\n"),
            ("more", "Host *\n User x\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Host web\n Include DIR/more\n Port 1\n"),
            ("more", "Host db\n User x\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Match host web\n Include \"DIR/a b\" DIR/c\n"),
            ("a b", "Port 1\n"),
            ("c", "User c\n"),
        ],
        "web",
    ),
    (&[("config", "Include DIR/none DIR/none*\nPort 1\n")], "web"),
    (
        &[
            ("config", "Include DIR/.hid*\nInclude DIR/*.conf\n"),
            (".hidden", "Port 1\n"),
            ("a.conf", "User a\n"),
            (".b.conf", "Port 2\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Include DIR/[ab]\nInclude DIR/?x\n"),
            ("a", "Port 1\n"),
            ("b", "User b\n"),
            ("cx", "BatchMode yes\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Include DIR/more\nHost web\n User x\n"),
            ("more", "Match final\n Port 1\n"),
        ],
        "web",
    ),
    (&[("config", "Include DIR/config\n")], "web"),
    (
        &[
            ("config", "Host db\nInclude DIR/more\n"),
            ("more", "Port 1\nNonsense 1\n"),
        ],
        "web",
    ),
    (
        &[
            ("config", "Include DIR/more\nNonsense 1\n"),
            ("more", "Port x\n"),
        ],
        "web",
    ),
];
