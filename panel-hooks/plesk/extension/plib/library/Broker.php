<?php

declare(strict_types=1);

/**
 * Panelgate's broker, behind its socket: one connection, one request, one answer (src/broker/PROTOCOL.md).
 *
 * Who asks is what the kernel says about this process; nothing here says who somebody is. PHP cannot ask the kernel who
 * is at the other end, so it looks at the socket's place instead: socket and folders must be root's, and nobody else
 * may be able to put another file there.
 */
final class Modules_Panelgate_Broker
{
    public const VERSION = 1;
    public const FRAME_BYTES = 65536;
    public const SOCKET = '/run/panelgate/broker.sock';
    /** Sites of one account that are read at most: Panelgate's own bound. */
    private const SITES_PER_ACCOUNT = 10000;
    private const JSON_DEPTH = 32;

    /** @var string */
    private $socket;
    /** @var float */
    private $seconds;
    /** @var float|null when the time is up, from the first request on */
    private $end;

    /**
     * @param string $socket absolute path of the broker's socket
     * @param float $seconds how long all that is asked of this object may take together
     */
    public function __construct(string $socket = self::SOCKET, float $seconds = 60.0)
    {
        $this->socket = $socket;
        $this->seconds = $seconds;
    }

    /**
     * Asks for an operation.
     *
     * @param array<string, mixed> $args
     * @return mixed what the operation gives
     * @throws Modules_Panelgate_Failure with the broker's kind; "unavailable" if there is no answer, "upgrade" if it is
     *     of another version
     */
    public function ask(string $op, array $args, string $reference)
    {
        $this->end = $this->end ?? microtime(true) + $this->seconds;
        $end = $this->end;
        $request = ['v' => self::VERSION, 'op' => $op, 'reference' => $reference, 'args' => (object)$args];
        try {
            $body = json_encode($request, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES, self::JSON_DEPTH);
        } catch (JsonException $error) {
            throw new Modules_Panelgate_Failure('bad-request', 'the request is not UTF-8', $error);
        }
        if (strlen($body) > self::FRAME_BYTES) {
            throw new Modules_Panelgate_Failure('too-large', 'the request does not fit into a frame');
        }
        $stream = $this->connect($end);
        try {
            $this->write($stream, pack('N', strlen($body)) . $body, $end);
            $length = unpack('N', $this->read($stream, 4, $end))[1];
            if ($length < 1 || $length > self::FRAME_BYTES) {
                throw $this->unavailable("its answer announces $length bytes");
            }
            $answer = $this->read($stream, $length, $end);
        } finally {
            fclose($stream);
        }
        return $this->result($answer);
    }

    /**
     * Reads an account with all its sites, which may take several frames.
     *
     * @param array<string, mixed> $args
     * @return array<string, mixed> the members of the first frame, with the sites of all of them
     * @throws Modules_Panelgate_Failure as {@see ask()}
     */
    public function overview(array $args, string $reference): array
    {
        $whole = null;
        $from = 0;
        do {
            $part = $this->ask('overview', ['from' => $from] + $args, $reference);
            if (!is_array($part) || !is_array($part['sites'] ?? null)) {
                throw $this->unavailable('its answer is malformed');
            }
            $whole = $whole ?? array_merge($part, ['sites' => []]);
            $whole['sites'] = array_merge($whole['sites'], array_values($part['sites']));
            $next = $part['next'] ?? null;
            $stuck = $next !== null && (!is_int($next) || $next <= $from);
            if ($stuck || count($whole['sites']) > self::SITES_PER_ACCOUNT) {
                throw $this->unavailable('its answer has no end');
            }
            $from = $next;
        } while ($next !== null);
        return $whole;
    }

    /**
     * Makes sure that only root can have made what stands at the socket's path.
     *
     * @throws Modules_Panelgate_Failure "unavailable"
     */
    public function checkPlace(): void
    {
        clearstatcache();
        $found = @lstat($this->socket);
        if ($this->socket[0] !== '/' || $found === false || ($found['mode'] & 0170000) !== 0140000) {
            throw $this->unavailable('there is no socket');
        }
        if ($found['uid'] !== 0) {
            throw $this->unavailable("the socket is not root's");
        }
        for ($folder = dirname($this->socket); ; $folder = dirname($folder)) {
            $found = @stat($folder);
            $open = $found !== false && ($found['mode'] & 0022) !== 0;
            // In a folder with the sticky bit nobody can replace what is root's.
            if ($found === false || $found['uid'] !== 0 || ($open && ($found['mode'] & 01000) === 0)) {
                throw $this->unavailable("the folder $folder is not root's alone");
            }
            if ($folder === '/') {
                return;
            }
        }
    }

    /** @return resource */
    private function connect(float $end)
    {
        $this->checkPlace();
        do {
            $wait = max(0.001, $end - microtime(true));
            $stream = @stream_socket_client('unix://' . $this->socket, $code, $text, $wait);
            if ($stream !== false) {
                stream_set_blocking($stream, false);
                return $stream;
            }
            // EAGAIN: the broker's queue of new connections is full; it is being emptied.
            usleep($code === 11 ? 2000 : 0);
        } while ($code === 11 && microtime(true) < $end);
        throw $this->unavailable("it cannot be reached ($text)");
    }

    /** @param resource $stream */
    private function write($stream, string $bytes, float $end): void
    {
        while ($bytes !== '') {
            $this->wait($stream, true, $end);
            $written = @fwrite($stream, $bytes);
            if ($written === false || $written === 0) {
                throw $this->unavailable('it does not take the request');
            }
            $bytes = (string)substr($bytes, $written);
        }
    }

    /** @param resource $stream */
    private function read($stream, int $length, float $end): string
    {
        $bytes = '';
        while (strlen($bytes) < $length) {
            $this->wait($stream, false, $end);
            $part = @fread($stream, $length - strlen($bytes));
            if ($part === false || ($part === '' && feof($stream))) {
                throw $this->unavailable('it gave no whole answer');
            }
            $bytes .= $part;
        }
        return $bytes;
    }

    /** @param resource $stream */
    private function wait($stream, bool $writing, float $end): void
    {
        do {
            $left = $end - microtime(true);
            $read = $writing ? [] : [$stream];
            $write = $writing ? [$stream] : [];
            $except = [];
            $seconds = (int)max(0, floor($left));
            $rest = (int)(($left - $seconds) * 1e6);
            $ready = $left > 0 ? @stream_select($read, $write, $except, $seconds, $rest) : 0;
            // A signal came in between.
            usleep($ready === false ? 1000 : 0);
        } while ($ready === false);
        if ($ready !== 1) {
            throw $this->unavailable('it gave no answer in time');
        }
    }

    /** @return mixed */
    private function result(string $answer)
    {
        try {
            $answer = json_decode($answer, true, self::JSON_DEPTH, JSON_THROW_ON_ERROR);
        } catch (JsonException $error) {
            throw $this->unavailable('its answer is malformed', $error);
        }
        if (!is_array($answer) || !is_int($answer['v'] ?? null)) {
            throw $this->unavailable('its answer is malformed');
        }
        if ($answer['v'] !== self::VERSION) {
            $text = "the broker speaks version {$answer['v']} of its protocol, this extension version " . self::VERSION
                . ': install the extension of the same package (panelgate setup --repair)';
            throw new Modules_Panelgate_Failure('upgrade', $text);
        }
        $error = $answer['error'] ?? null;
        if (array_key_exists('ok', $answer) === ($error !== null)) {
            throw $this->unavailable('its answer is neither a result nor an error');
        }
        if ($error === null) {
            return $answer['ok'];
        }
        if (!is_array($error) || !is_string($error['kind'] ?? null) || !is_string($error['message'] ?? null)) {
            throw $this->unavailable('its answer is malformed');
        }
        throw new Modules_Panelgate_Failure($error['kind'], $error['message']);
    }

    private function unavailable(string $why, ?Throwable $previous = null): Modules_Panelgate_Failure
    {
        $text = "the broker behind {$this->socket}: $why (systemctl status panelgate.socket panelgate.service)";
        return new Modules_Panelgate_Failure('unavailable', $text, $previous);
    }
}
