<?php
// The peer of the benchmark: what a plugin in PHP with the curl extension does for one click, and nothing else.
$settings = [];
foreach (file($_SERVER['PEER'], FILE_IGNORE_NEW_LINES) as $line) {
    [$key, $value] = explode('=', $line, 2);
    $settings[$key] = $value;
}
$curl = curl_init($settings['url']);
curl_setopt_array($curl, [
    CURLOPT_USERPWD => $settings['login'],
    CURLOPT_HTTPAUTH => CURLAUTH_BASIC,
    CURLOPT_CAINFO => $settings['ca_file'],
    CURLOPT_HTTPHEADER => ['Content-Type: application/json'],
    CURLOPT_POSTFIELDS => $settings['body'],
    CURLOPT_PROXY => $settings['proxy'] ?? '',
    CURLOPT_TIMEOUT => 30,
    CURLOPT_RETURNTRANSFER => true,
]);
$reply = json_decode((string) curl_exec($curl), true);
if (!isset($reply['url'])) {
    http_response_code(502);
    exit;
}
header('Location: ' . $reply['url'], true, 303);
header('Cache-Control: no-store');
