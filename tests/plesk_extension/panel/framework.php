<?php

// Stands in for the framework behind the panel's pages, as small as it can be: request, response, view, controller, the page around.

declare(strict_types=1);

final class Request
{
    public function getMethod()
    {
        return $_SERVER['REQUEST_METHOD'];
    }

    public function getQuery($name)
    {
        return $_GET[$name] ?? null;
    }

    public function getPost($name)
    {
        return $_POST[$name] ?? null;
    }

    public function getServer($name)
    {
        return $_SERVER[$name] ?? null;
    }
}

final class Response
{
    public $code = 200;
    public $headers = [];
    public $body = '';

    public function setHeader($name, $value, $replace = false)
    {
        $this->headers[$name] = $value;
    }

    public function setHttpResponseCode($code)
    {
        $this->code = $code;
    }
}

final class View
{
    private $values = [];

    public function __set($name, $value)
    {
        $this->values[$name] = $value;
    }

    public function __get($name)
    {
        return $this->values[$name] ?? null;
    }

    public function render(string $script): string
    {
        ob_start();
        require pm_Context::getPlibDir() . "views/scripts/$script";
        return (string)ob_get_clean();
    }
}

final class ViewRenderer
{
    public $off = false;

    public function setNoRender()
    {
        $this->off = true;
    }
}

abstract class pm_Controller_Action
{
    public $view;
    public $_helper;
    protected $_accessLevel = [];
    private $request;
    private $response;
    private $name;

    public function __construct(string $name)
    {
        $this->name = $name;
        $this->request = new Request();
        $this->response = new Response();
        $this->view = new View();
        $this->_helper = new stdClass();
        $this->_helper->viewRenderer = new ViewRenderer();
    }

    public function init()
    {
    }

    public function getRequest()
    {
        return $this->request;
    }

    public function getResponse()
    {
        return $this->response;
    }

    public function render($action)
    {
        $this->renderScript("{$this->name}/$action.phtml");
    }

    public function renderScript($script)
    {
        $this->response->body .= $this->view->render($script);
        $this->_helper->viewRenderer->setNoRender();
    }

    /** Ends the request, as the framework's does. */
    protected function _redirect($url, array $options = [])
    {
        $outside = preg_match('~^[a-z]+://~', $url) === 1;
        $this->response->headers['Location'] = $outside ? $url : "/modules/panelgate/index.php/$url";
        $this->response->code = $options['code'] ?? 302;
        $this->response->body = '';
        $this->send();
        exit;
    }

    public function dispatch(string $action): void
    {
        $admin = pm_Session::isExist() && pm_Session::getClient()->isAdmin();
        if ($this->_accessLevel === 'admin' && !$admin && !World::get('no_access_levels')) {
            http_response_code(403);
            echo 'Permission denied (panel)';
            return;
        }
        $this->init();
        $this->{"{$action}Action"}();
        if (!$this->_helper->viewRenderer->off) {
            $this->render($action);
        }
        $this->send();
    }

    private function send(): void
    {
        http_response_code($this->response->code);
        foreach ($this->response->headers as $name => $value) {
            header("$name: $value", true, $this->response->code);
        }
        if ($this->response->body !== '') {
            page((string)$this->view->pageTitle, $this->response->body);
        }
    }
}

final class pm_Application
{
    public function run(): void
    {
        // The panel lets no form past that lacks its token.
        $token = $_POST['forgery_protection_token'] ?? '';
        if ($_SERVER['REQUEST_METHOD'] === 'POST' && !World::get('lets_forms_past') && $token !== pm_Form_Simple::token()) {
            http_response_code(403);
            echo 'Forged form (panel)';
            return;
        }
        $path = explode('/', trim($_SERVER['PATH_INFO'] ?? '', '/'));
        $controller = ($path[0] ?? '') === '' ? 'index' : $path[0];
        $action = $path[1] ?? 'index';
        $class = ucfirst($controller) . 'Controller';
        require pm_Context::getPlibDir() . "controllers/$class.php";
        (new $class($controller))->dispatch($action);
    }
}

/** The panel's page around what an extension shows. */
function page(string $title, string $content): void
{
    $locale = pm_Locale::getCode();
    $direction = $locale === 'ar' ? 'rtl' : 'ltr';
    $token = pm_Form_Simple::token();
    $title = htmlspecialchars($title);
    echo "<!doctype html><html lang=\"$locale\" dir=\"$direction\"><head><meta charset=\"utf-8\"><title>$title</title>"
        . "<meta name=\"forgery_protection_token\" id=\"forgery_protection_token\" content=\"$token\">"
        . '<meta name="viewport" content="width=device-width, initial-scale=1">'
        . '<style>:root{color-scheme:light dark}body{margin:0;font-family:sans-serif}nav,main{padding:12px 24px}nav{background:Canvas;border-bottom:1px solid #8888}</style>'
        . "</head><body><nav aria-label=\"Panel\"><a href=\"/\">Panel</a></nav><main><h1>$title</h1>$content</main></body></html>";
}
