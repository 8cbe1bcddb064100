<?php

// The panel's web server, for `php -S`: its front page with the buttons, the extension's files, the extension's pages.

require __DIR__ . '/classes.php';
require __DIR__ . '/framework.php';

$path = (string)parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$entry = '/modules/panelgate/index.php';
if (strpos($path, $entry) === 0) {
    $_SERVER['PATH_INFO'] = substr($path, strlen($entry));
    require getenv('PANEL_ROOT') . '/admin/htdocs' . $entry;
    return;
}
$file = getenv('PANEL_ROOT') . '/admin/htdocs' . $path;
if (strpos($path, '..') === false && is_file($file)) {
    $types = ['css' => 'text/css', 'js' => 'text/javascript', 'svg' => 'image/svg+xml'];
    header('Content-Type: ' . ($types[pathinfo($file, PATHINFO_EXTENSION)] ?? 'application/octet-stream'));
    readfile($file);
    return;
}
if ($path !== '/') {
    http_response_code(404);
    return;
}
$shown = '';
foreach (World::session() === null ? [] : (new Modules_Panelgate_CustomButtons())->getButtons() as $number => $button) {
    $places = ($button['contextParams'] ?? false) ? pm_Domain::getDomainsByClient(pm_Session::getClient()) : [null];
    foreach ($places as $domain) {
        $context = $domain === null ? [] : ['dom_id' => $domain->getId(), 'site_id' => $domain->getId()];
        if (isset($button['visibility']) && !call_user_func($button['visibility'], $context)) {
            continue;
        }
        $link = htmlspecialchars($button['link'] . ($context === [] ? '' : '?' . http_build_query($context)));
        $target = ($button['newWindow'] ?? false) ? ' target="_blank"' : '';
        $name = $domain === null ? '' : ' ' . htmlspecialchars($domain->getDisplayName());
        $id = "button-{$button['place']}" . ($domain === null ? '' : "-{$domain->getId()}");
        $shown .= "<p><a id=\"$id\" href=\"$link\"$target><img src=\"{$button['icon']}\" alt=\"\" width=\"32\" height=\"32\"> {$button['title']}$name</a></p>";
    }
}
page('Panel', $shown);
