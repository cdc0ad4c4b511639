// This file is "lockd restore" and "lockd recover": data folders that begin a new cluster. Both take the
// settings of a node, so that the folder is made for the node that will be started on it with the same ones.

package server

import (
	"context"
	"errors"
	"fmt"

	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/divtxt/lockd/backup"
	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/commands"
)

// settingsHelp is in the help of both commands.
const settingsHelp = "\n\nThe settings of lockd serve are taken as flags and from the environment: --dir, " +
	"--node-id, --log-store,\n--token-floor, and what says how other nodes will reach this one (--advertise, " +
	"--cluster-port)."

// restoreCommand makes a data folder of a backup, or only looks at one.
func (p *program) restoreCommand(t *table) *cobra.Command {
	given, check := newFlags(t), false
	cmd := &cobra.Command{
		Use:   "restore FILE [flags]",
		Short: "Begin a new cluster with the state of a backup",
		Long: "Makes the empty data folder --dir that of the first node of a new cluster, with the locks and\n" +
			"keys of a backup. Locks keep the time that they had left. Fencing tokens go on above any that the\n" +
			"old cluster can have given. With --check it only tells whether FILE is whole." + settingsHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("lockd restore takes one backup file, and %d are given", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if check {
				return p.checkBackup(args[0])
			}
			return p.restore(cmd.Context(), p.source(given, nil), args[0])
		},
	}
	given.add(cmd)
	given.hide()
	cmd.Flags().BoolVar(&check, "check", false, "only tell whether FILE is a whole backup")
	return cmd
}

// checkBackup says what a backup is.
func (p *program) checkBackup(path string) error {
	m, h, err := backup.Load(path, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s is a whole backup of cluster %s, taken %s by node %s (lockd %s): %d keys up to "+
		"log entry %d, last token %d\n", path, h.Cluster, h.Taken.Format("2006-01-02 15:04:05 MST"), h.Node,
		h.Lockd, h.Keys, m.Index(), h.Token)
	return nil
}

// restore makes the folder and says what comes next.
func (p *program) restore(ctx context.Context, src Source, path string) error {
	cfg, folder, err := p.newFolder(ctx, src)
	if err != nil {
		return err
	}
	if folder.NodeID == "" {
		folder.NodeID = newNodeID()
	}
	// Its own identity comes last, so that a crash does not leave a folder that looks new.
	folder.Before = func() error { return writeNodeID(filepath.Join(folder.Dir, nodeIDFile), folder.NodeID) }
	r, h, err := backup.Restore(path, folder, uint64(cfg.Storage.TokenFloor))
	if err != nil {
		return WithExit(ExitDataDir, err)
	}
	fmt.Fprintf(p.stdout, "%s is now the data folder of node %s, the first of the new cluster %s.\n"+
		"It has %d keys, as cluster %s had them on %s. %d of them have an end: they keep the time that\n"+
		"they had left, and go on when the node starts. What was acknowledged after the backup is not in it.\n"+
		"Fencing tokens go on above %d.\n", folder.Dir, folder.NodeID, r.Cluster, r.Keys, h.Cluster,
		h.Taken.Format("2006-01-02 15:04:05 MST"), r.Locks, r.Token)
	p.sayNext(folder)
	return nil
}

// sayNext tells what to type.
func (p *program) sayNext(f *backup.Folder) {
	fmt.Fprintf(p.stdout, "Next, with the same settings as here:\n"+
		"  lockd --dir %s\n"+
		"and for each other node, with an empty folder:\n"+
		"  lockd --dir EMPTY-FOLDER --join %s\n", f.Dir, f.Address)
	if cluster.OnLoopback(f.Address) {
		fmt.Fprintln(p.stdout, "Nodes on other machines reach this one once it is started with --advertise "+
			"host:port and --cluster-bind.")
	}
}

// newFolder reads the settings, and makes of them which folder is meant and where its node will be reached.
func (p *program) newFolder(ctx context.Context, src Source) (*Config, *backup.Folder, error) {
	settings, warnings, err := Load(src)
	if err != nil {
		return nil, nil, err
	}
	for _, warning := range warnings {
		fmt.Fprintln(p.stderr, "lockd: "+warning)
	}
	cfg := settings.Config()
	if cfg.Storage.LogStore == LogStoreMemory {
		return nil, nil, usageError("log-store: memory forgets what is restored: leave it out, or give wal or bolt")
	}
	address, err := cfg.Advertised(ctx, cfg.PeerPort(), !cfg.Cluster.Planned())
	if err != nil {
		return nil, nil, WithExit(ExitUsage, err)
	}
	log, err := NewLogging(Log{Level: "error", Format: LogText}, p.stderr)
	if err != nil {
		return nil, nil, err
	}
	return cfg, &backup.Folder{
		Dir: cfg.Storage.Dir, NodeID: cfg.Storage.NodeID, Address: address, LogStore: cfg.Storage.LogStore,
		Log: log.Logger,
	}, nil
}

// recoverCommand makes a cluster of one of the last node that is left.
func (p *program) recoverCommand(t *table) *cobra.Command {
	given, sure := newFlags(t), false
	cmd := &cobra.Command{
		Use:   "recover [flags]",
		Short: "Begin a new cluster with what the last node has that is left",
		Long: "For the day on which most nodes of a cluster are lost for good, with their data. Makes the data\n" +
			"folder --dir of a node that is left, and stopped, that of a new cluster which this node is alone.\n" +
			"Without --yes it says what the folder has and what may be lost, and changes nothing. If several\n" +
			"nodes are left, run it on each without --yes, and recover the one with the highest term, and of\n" +
			"these the highest entry. If most nodes are there, this is not needed: start them." + settingsHelp,
		Args: noFile,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.recover(cmd.Context(), p.source(given, nil), sure)
		},
	}
	given.add(cmd)
	given.hide()
	cmd.Flags().BoolVar(&sure, "yes", false, "do it: the other nodes are lost, and what only they had")
	return cmd
}

func (p *program) recover(ctx context.Context, src Source, sure bool) error {
	cfg, folder, err := p.newFolder(ctx, src)
	if err != nil {
		return err
	}
	found, err := backup.Look(folder, commands.New())
	if err != nil {
		return WithExit(ExitDataDir, err)
	}
	fmt.Fprintf(p.stdout, "%s is the data folder of node %s in cluster %s of %d voting nodes.\n"+
		"It has the log up to entry %d of term %d, with %d keys; the last fencing token is %d.\n",
		folder.Dir, found.NodeID, found.Cluster, found.Members, found.Index, found.Term, found.Keys, found.Token)
	fmt.Fprintf(p.stdout, "WHAT MAY BE LOST: whatever the other nodes acknowledged after entry %d without "+
		"this node. A lock\nthat was granted then is free here, and somebody else may get it while its holder "+
		"works on;\nresources that check fencing tokens are safe, as new tokens are higher than any old one.\n",
		found.Index)
	if !sure {
		return errors.New("nothing was changed: if the other nodes are lost for good, say it again with --yes")
	}
	r, kept, err := found.Recover(folder, uint64(cfg.Storage.TokenFloor))
	if err != nil {
		return WithExit(ExitDataDir, fmt.Errorf("%w (what was there is in %s and %s)", err, folder.Dir, kept))
	}
	fmt.Fprintf(p.stdout, "Done: node %s is now the new cluster %s, alone, with %d keys.\n"+
		"Fencing tokens go on above %d. Nodes of the old cluster are refused, and can join "+
		"with empty folders.\n"+
		"The old log is kept in %s; remove it when all is well.\n", folder.NodeID, r.Cluster, r.Keys, r.Token, kept)
	p.sayNext(folder)
	return nil
}

// openBackups makes the keeper of the copies that RAFT.BACKUP gives out.
func (s *Server) openBackups() {
	s.backups = backup.New(backup.Options{
		Dir: s.cfg.Storage.Dir, Copy: s.node.Copy, Free: s.store.Free, Floor: uint64(s.cfg.Storage.MinFreeDisk),
		Rate: snapshotRate, Log: s.log,
		Header: func() backup.Header {
			return backup.Header{Cluster: s.node.Identity().Cluster, Node: s.nodeID, Lockd: Version}
		},
	})
}
