package config

import "time"

// Config is the tree of settings. Tags: yaml is the key, default its value when nobody says anything, doc the line that
// people read, secret hides the value when it is printed and allows …_FILE.
type Config struct {
	Encryption struct {
		Key string `yaml:"key" secret:"true" doc:"instance key: base64 of 32 bytes; causeway dev makes one at first start"`
	} `yaml:"encryption"`
	Database struct {
		URL       string `yaml:"url" secret:"true" doc:"postgres:// URL of the control plane, PostgreSQL 15 or newer"`
		DirectURL string `yaml:"direct_url" secret:"true" doc:"the same database past a transaction pooler, for LISTEN and migrations; empty: url"`
		MaxConns  int    `yaml:"max_conns" default:"0" doc:"connections of the main pool; 0: 16 + 4 per core"`
		ExecMode  string `yaml:"exec_mode" default:"cached" doc:"cached, or exec behind a pooler that can't keep prepared statements" enum:"cached,exec"`
	} `yaml:"database"`
	Records struct {
		URL          string        `yaml:"url" secret:"true" doc:"a second database for records; empty: database.url"`
		CompressFrom int           `yaml:"compress_from" default:"2000" doc:"bytes from which a payload is compressed"`
		ChangeDays   int           `yaml:"change_days" default:"15" doc:"days for which is kept what each run changed"`
		HistoryDays  int           `yaml:"history_days" default:"7" doc:"days for which replaced payloads are kept; 0: not at all"`
		PruneAfter   time.Duration `yaml:"prune_after" default:"720h" doc:"unchanged records lose their payload after this; 0: never"`
		DeleteAfter  time.Duration `yaml:"delete_after" default:"1440h" doc:"models that have not changed for this long, and that no sync writes, are deleted; 0: never"`
	} `yaml:"records"`
	Redis struct {
		URL          string `yaml:"url" secret:"true" doc:"redis:// or rediss:// (TLS)"`
		PasswordFile string `yaml:"password_file" doc:"file with the password, read again at each connect"`
	} `yaml:"redis"`
	Blob struct {
		URL string `yaml:"url" secret:"true" doc:"file://, s3://, gs:// or azblob://"`
	} `yaml:"blob"`
	Temporal struct {
		Address             string        `yaml:"address" doc:"host:port of the front end"`
		Namespace           string        `yaml:"namespace" default:"causeway" doc:"namespace; causeway temporal setup makes it"`
		APIKey              string        `yaml:"api_key" secret:"true" doc:"API key of a hosted Temporal"`
		Retention           time.Duration `yaml:"retention" default:"72h" doc:"how long closed executions are kept in a namespace that we make"`
		UIURL               string        `yaml:"ui_url" doc:"address of a Temporal UI that is served below /temporal/, whose public path that has to be; empty: none"`
		UIOrigins           []string      `yaml:"ui_origins" doc:"origins of Temporal UIs elsewhere that may use the codec endpoint"`
		ConnectionAttribute string        `yaml:"connection_attribute" default:"plain" doc:"connection ids in search attributes: plain or hashed" enum:"plain,hashed"`
		TLS                 struct {
			CertFile   string `yaml:"cert_file" doc:"client certificate (mTLS)"`
			KeyFile    string `yaml:"key_file" doc:"its key"`
			CAFile     string `yaml:"ca_file" doc:"certificate authority of the server; empty: the system's"`
			ServerName string `yaml:"server_name" doc:"name in the server's certificate"`
			Enabled    bool   `yaml:"enabled" default:"false" doc:"use TLS; on when a certificate or an API key is given"`
		} `yaml:"tls"`
	} `yaml:"temporal"`
	Logs struct {
		Enabled   bool          `yaml:"enabled" default:"true" doc:"keep operations and messages"`
		Retention time.Duration `yaml:"retention" default:"360h" doc:"how long they are kept, in whole days"`
		Search    bool          `yaml:"search" default:"true" doc:"keep the search vector of messages in Postgres"`
	} `yaml:"logs"`
	OpenSearch struct {
		URL      string `yaml:"url" secret:"true" doc:"http(s)://[user:password@]host:port, several separated by commas; empty: logs are kept in Postgres"`
		Prefix   string `yaml:"prefix" default:"causeway" doc:"of the names of its indices, for instances that share a cluster"`
		Replicas int    `yaml:"replicas" default:"1" doc:"copies of each index besides the first"`
	} `yaml:"opensearch"`
	Server struct {
		Listen      string `yaml:"listen" default:":3003" doc:"address of the API"`
		PublicURL   string `yaml:"public_url" doc:"what the world calls this server; all links come from it"`
		AdminListen string `yaml:"admin_listen" default:"127.0.0.1:3004" doc:"address of /metrics, /livez, /readyz and pprof"`
	} `yaml:"server"`
	Egress struct {
		AllowPrivate bool     `yaml:"allow_private" default:"false" doc:"let calls reach private, link-local and loopback addresses; cloud metadata stays shut"`
		Mode         string   `yaml:"mode" default:"denylist" doc:"denylist, allowlist or permissive (addresses are judged in each)" enum:"denylist,allowlist,permissive"`
		Deny         []string `yaml:"deny" doc:"hosts that may not be called, besides the built-in ones"`
		Allow        []string `yaml:"allow" doc:"allowlist: the only hosts, with their subdomains"`
		Proxy        string   `yaml:"proxy" secret:"true" doc:"http:// or https:// proxy that calls go out through; it is told the address that was judged, not the name"`
		NoProxy      []string `yaml:"no_proxy" doc:"hosts that are called past the proxy: names, .suffixes, addresses, ranges, or *"`
	} `yaml:"egress"`
	Proxy struct {
		TimeoutAPI      time.Duration `yaml:"timeout_api" default:"2m" doc:"one attempt of a call of an API caller"`
		TimeoutScript   time.Duration `yaml:"timeout_script" default:"15m" doc:"one attempt of a call of a script"`
		WaitAPI         time.Duration `yaml:"wait_api" default:"30s" doc:"waits before retries of an API caller's call, in all"`
		WaitScript      time.Duration `yaml:"wait_script" default:"10m" doc:"one wait before a retry of a script's call"`
		EmptyPages      int           `yaml:"empty_pages" default:"25" doc:"empty pages in a row that cursor paging follows"`
		BaseURLOverride bool          `yaml:"base_url_override" default:"true" doc:"let callers choose another base URL"`
	} `yaml:"proxy"`
	RateLimit struct {
		PerMinute int `yaml:"per_minute" default:"0" doc:"API calls per minute and account; 0: off"`
	} `yaml:"ratelimit"`
	Limits struct {
		SyncConcurrency    int `yaml:"sync_concurrency" default:"500" doc:"cap of new environments: running syncs"`
		ActionConcurrency  int `yaml:"action_concurrency" default:"500" doc:"cap of new environments: running waited actions"`
		WebhookConcurrency int `yaml:"webhook_concurrency" default:"500" doc:"cap of new environments: running webhook functions"`
		EventConcurrency   int `yaml:"event_concurrency" default:"100" doc:"cap of new environments: running on-event functions"`
		ResponseBytes      int `yaml:"response_bytes" default:"104857600" doc:"body of one answer that a script gets"`
	} `yaml:"limits"`
	Scheduler struct {
		Groups int           `yaml:"groups" default:"8" doc:"schedulers that the environments are dealt to"`
		Tick   time.Duration `yaml:"tick" default:"1s" doc:"shortest distance of two turns of a scheduler"`
	} `yaml:"scheduler"`
	Worker struct {
		Queues []string      `yaml:"queues" doc:"kinds of queues to serve (interactive, background, control); empty: all"`
		Pools  []string      `yaml:"pools" default:"default" doc:"worker pools to serve"`
		Drain  time.Duration `yaml:"drain" default:"60s" doc:"how long scripts may go on after a stop was asked for"`
		Lease  time.Duration `yaml:"lease" default:"15s" doc:"a worker that hasn't renewed for this long is declared dead; not under 10s"`
		Slots  struct {
			Sync    int `yaml:"sync" default:"200" doc:"sync scripts at once"`
			Action  int `yaml:"action" default:"200" doc:"action scripts at once"`
			Webhook int `yaml:"webhook" default:"200" doc:"webhook scripts at once"`
			Event   int `yaml:"event" default:"50" doc:"on-event scripts at once"`
		} `yaml:"slots"`
	} `yaml:"worker"`
	Runners struct {
		Isolation string `yaml:"isolation" default:"require" doc:"require: refuse to start without the system call filter; best: what there is; off: for debugging" enum:"require,best,off"`
		Memory    int    `yaml:"memory" default:"512" doc:"MiB that a runner process may use"`
		Runs      int    `yaml:"runs" default:"16" doc:"runs at once in a runner process; 1: a process per run"`
		Spares    int    `yaml:"spares" default:"1" doc:"runner processes kept ready that belong to no environment (0 to 4)"`
		UID       int    `yaml:"uid" default:"65534" doc:"user id of runners when the worker is root"`
	} `yaml:"runners"`
	Scripts struct {
		TurnLimit time.Duration `yaml:"turn_limit" default:"60s" doc:"one uninterrupted stretch of script"`
		Journal   string        `yaml:"journal" default:"off" doc:"which runs keep a journal of their host calls, where an environment or a function doesn't say it" enum:"off,failures,all"`
		// JournalRetention counts from the day of the run.
		JournalRetention time.Duration `yaml:"journal_retention" default:"168h" doc:"how long journals are kept"`
	} `yaml:"scripts"`
	Catalog struct {
		Files   []string      `yaml:"files" doc:"provider catalogs laid over the built-in one: files, or folders of them"`
		URL     string        `yaml:"url" doc:"a catalog that is downloaded and laid over those"`
		Refresh time.Duration `yaml:"refresh" default:"60s" doc:"how often files and url are read again; 0: never"`
	} `yaml:"catalog"`
	Log struct {
		Level string `yaml:"level" default:"info" doc:"process log: debug, info, warn or error" enum:"debug,info,warn,error"`
	} `yaml:"log"`
	Dev struct {
		Port           string `yaml:"port" default:"auto" doc:"first of the ten ports of causeway dev; auto: the first free block from 3003"`
		Dir            string `yaml:"dir" default:".causeway" doc:"where causeway dev keeps its state"`
		Postgres       string `yaml:"postgres" default:"auto" doc:"auto, embedded, a folder of binaries, or a postgres:// URL"`
		UnsafeFastDisk bool   `yaml:"unsafe_fast_disk" default:"false" doc:"no fsync: faster, and a power cut may destroy the state"`
	} `yaml:"dev"`
}
