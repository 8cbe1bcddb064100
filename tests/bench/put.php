<?php
// The peer of a put: what a plugin's own endpoint does in PHP. It checks the login and the path, writes beside the target and renames.
$user = $_SERVER['PHP_AUTH_USER'] ?? '';
$password = $_SERVER['PHP_AUTH_PW'] ?? '';
if ($user === '' && preg_match('/^Basic (.+)$/', $_SERVER['HTTP_AUTHORIZATION'] ?? $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ?? '', $found)) {
    [$user, $password] = explode(':', base64_decode($found[1]), 2);
}
if (!hash_equals(getenv('PEER_LOGIN') ?: 'bench:bench', "$user:$password")) {
    http_response_code(401);
    header('WWW-Authenticate: Basic realm="publication"');
    exit;
}
$root = getenv('PEER_ROOT') ?: $_SERVER['REDIRECT_PEER_ROOT'] ?? $_SERVER['PEER_ROOT'];
$path = trim($_SERVER['PATH_INFO'] ?? '', '/');
foreach (explode('/', $path) as $segment) {
    if ($segment === '' || $segment === '.' || $segment === '..' || strpbrk($segment, "\0\\") !== false) {
        http_response_code(403);
        exit;
    }
}
$target = "$root/$path";
if (!is_dir(dirname($target))) {
    mkdir(dirname($target), 0755, true);
}
$temporary = "$target.tmp" . getmypid();
$in = fopen('php://input', 'rb');
$out = fopen($temporary, 'xb');
if (stream_copy_to_stream($in, $out) === (int) $_SERVER['CONTENT_LENGTH'] && fclose($out) && rename($temporary, $target)) {
    exit;
}
unlink($temporary);
http_response_code(500);
