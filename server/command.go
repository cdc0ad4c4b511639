// This file is the command line: lockd [serve], config, ping, version; backup, restore and recover are in
// files of their own. It holds no setting of its own; the flags of serve are made from the table, and what
// they say goes to Load as text like any other source, so that one place judges values and names where they
// came from.

package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// program is one run of the command line, with what it needs of the process around it.
type program struct {
	environ        []string
	stdout, stderr io.Writer
	quiet          bool // stderr has heard already what went wrong
	run            func(context.Context, *Config, *Settings, *slog.Logger, io.Writer) error
}

// Main runs the command line (without the program's name), and returns the exit code.
func Main(args []string) int {
	p := &program{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, run: Run}
	return p.execute(context.Background(), args)
}

// execute runs args. What cobra finds wrong before one of our functions runs is wrong usage.
func (p *program) execute(ctx context.Context, args []string) int {
	root := p.command()
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	code := ExitCode(err)
	if p.quiet {
		return code
	}
	fmt.Fprintf(p.stderr, "lockd: %s\n", strings.ReplaceAll(err.Error(), "\n", "\nlockd: "))
	if code == ExitUsage {
		fmt.Fprintln(p.stderr, "Try: lockd --help")
	}
	return code
}

// command builds the tree of commands.
func (p *program) command() *cobra.Command {
	t := newTable()
	root := p.serveCommand(t, "lockd [serve] [CONFIG-FILE] [flags]")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)

	serve := p.serveCommand(t, "serve [CONFIG-FILE] [flags]")
	root.AddCommand(serve, p.configCommand(t), p.pingCommand(), p.backupCommand(), p.restoreCommand(t),
		p.recoverCommand(t), p.versionCommand())
	return root
}

// serveCommand is lockd without a word, and lockd serve.
func (p *program) serveCommand(t *table, use string) *cobra.Command {
	given := newFlags(t)
	cmd := &cobra.Command{
		Use:   use,
		Short: "Run a lock server (what lockd does when no command is given)",
		Args:  oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.serve(cmd.Context(), p.source(given, args))
		},
	}
	given.add(cmd)
	cmd.SetHelpFunc(func(asked *cobra.Command, _ []string) {
		if asked == cmd {
			fmt.Fprint(p.stdout, serveHelp(given))
			return
		}
		fmt.Fprintf(p.stdout, "%s\n\n%s", cmp.Or(asked.Long, asked.Short), asked.UsageString())
	})
	return cmd
}

// source is where the settings are said.
func (p *program) source(given *flags, args []string) Source {
	s := Source{Environ: p.environ, Flags: given.words()}
	if len(args) > 0 {
		s.File = args[0]
	}
	return s
}

// serve loads the settings, opens the log, and runs the node.
func (p *program) serve(ctx context.Context, src Source) error {
	settings, warnings, err := Load(src)
	if err != nil {
		return err
	}
	cfg := settings.Config()
	log, err := NewLogging(cfg.Log, p.stderr)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		log.Warn(warning)
	}
	settings.OnChange(func(c *Config) { log.SetLevel(c.Log.Level) })
	err = p.run(ctx, cfg, settings, log.Logger, p.stdout)
	p.sayEnd(log, cfg.Log, err)
	if errClose := log.Close(); err == nil {
		err = errClose
	}
	return err
}

// sayEnd logs how the run ended. execute prints the error too, as a sentence for the person at the terminal;
// the same stream must not say it twice, and a stream of JSON must stay one.
func (p *program) sayEnd(log *Logging, cfg Log, err error) {
	if err == nil {
		log.Info("stopped cleanly")
		return
	}
	if cfg.File != "" || cfg.Format == LogJSON {
		log.Error("lockd stops", "error", err, "exit", ExitCode(err))
		p.quiet = cfg.File == ""
	}
}

// configCommand shows the settings, or the reference.
func (p *program) configCommand(t *table) *cobra.Command {
	given, reference := newFlags(t), false
	cmd := &cobra.Command{
		Use:   "config [CONFIG-FILE] [flags]",
		Short: "Show each setting and where it was said; exit with 2 if one is wrong",
		Long: "Takes the same file, environment and flags as lockd serve, starts nothing, and prints what each\n" +
			"setting would be and where that was said. Exits with 2 if anything is wrong.",
		Args: oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			if reference {
				WriteReference(p.stdout)
				return nil
			}
			settings, warnings, err := Load(p.source(given, args))
			for _, warning := range warnings {
				fmt.Fprintln(p.stderr, "lockd: "+warning)
			}
			if err != nil {
				return err
			}
			writeEffective(p.stdout, settings)
			return nil
		},
	}
	given.add(cmd)
	given.hide()
	cmd.Flags().BoolVar(&reference, "reference", false, "print the configuration reference in Markdown")
	return cmd
}

// pingCommand asks a node whether it is there.
func (p *program) pingCommand() *cobra.Command {
	at, password := &pinger{}, ""
	cmd := &cobra.Command{
		Use:   "ping [flags]",
		Short: "Ask a node whether it is there; exit with 0 if it says PONG",
		Long: "Connects, gives the password if there is one, and sends PING. Exits with 0 after PONG, else with\n" +
			"1 and a sentence. LOCKD_PORT, LOCKD_TLS_PORT and LOCKD_REQUIREPASS are read as a node on this\n" +
			"machine reads them.",
		Args: noFile,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("password") {
				at.password = Secret(password)
			}
			if err := at.ping(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintln(p.stdout, "PONG")
			return nil
		},
	}
	p.pingDefaults(at)
	at.addFlags(cmd.Flags(), &password)
	cmd.Flags().DurationVar(&at.timeout, "timeout", at.timeout, "how long to wait in all")
	return cmd
}

// addFlags gives a command the flags that say where a node is and who asks.
func (p *pinger) addFlags(f *pflag.FlagSet, password *string) {
	f.StringVar(&p.address, "addr", p.address, "host:port of the node, or the path of its Unix socket")
	f.StringVar(&p.user, "user", "", "user, if not the default one")
	f.StringVar(password, "password", "", "password; better kept in LOCKD_REQUIREPASS")
	f.BoolVar(&p.tls, "tls", p.tls, "use TLS")
	f.StringVar(&p.authority, "tls-ca-cert-file", "", "authorities to trust, PEM; by default the system's")
	f.StringVar(&p.certFile, "tls-cert-file", "", "own certificate, PEM")
	f.StringVar(&p.keyFile, "tls-key-file", "", "private key of it, PEM")
	f.BoolVar(&p.insecure, "insecure", false, "take any certificate (a health check on the same machine may)")
}

// pingDefaults aims at the node that this environment would start: in a container it is the one beside us.
func (p *program) pingDefaults(at *pinger) {
	at.address, at.timeout = "127.0.0.1:6380", 2*time.Second
	l := newLoader()
	l.environ(p.environ) // what is wrong in it is the node's to say; flags may aim elsewhere
	c := l.config
	at.password = c.Security.RequirePass
	port, plain := c.PlainPort()
	if !plain {
		port, at.tls = c.TLS.Port, true
	}
	if port != 0 {
		at.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
}

// versionCommand says which lockd this is.
func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, and Go's version",
		Args:  noFile,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, versionLine())
			return err
		},
	}
}

// oneFile takes a configuration file or nothing.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError("%d words are too many, %q is not understood: each flag takes one value, and there is "+
			"one configuration file", len(args), args[1])
	}
	if len(args) == 1 {
		if _, err := os.Stat(args[0]); err != nil {
			return usageError("configuration file: %w%s", err, suggest(args[0], commandNames(cmd)))
		}
	}
	return nil
}

// noFile takes nothing.
func noFile(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%q is not understood here", args[0])
	}
	return nil
}

// commandNames are the words that may follow cmd.
func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return names
}

// flagError adds to pflag's error the flag that was meant.
func flagError(cmd *cobra.Command, err error) error {
	unknown, is := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !is {
		return WithExit(ExitUsage, err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return usageError("%w%s", err, suggest(unknown, names))
}
