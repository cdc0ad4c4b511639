// etcd: a lock is a key that a transaction made, under a lease of its worker; it is given back by a deletion.

package main

import (
	"context"
	"errors"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// leaseSeconds outlives every measurement.
const leaseSeconds = 600

type etcd struct {
	addrs   []string
	clients []*clientv3.Client
}

func (e *etcd) leader(ctx context.Context) (string, error) { return etcdLeader(ctx, e.addrs) }

func openEtcd(ctx context.Context, o options) (backend, error) {
	e := &etcd{addrs: o.addrs}
	addrs := o.addrs
	if leader, err := etcdLeader(ctx, addrs); err == nil && len(addrs) > 1 && !o.all {
		addrs = []string{leader}
	}
	for range min(o.clients, shared) {
		c, err := dialEtcd(addrs)
		if err != nil {
			return nil, err
		}
		e.clients = append(e.clients, c)
	}
	return e, nil
}

func dialEtcd(addrs []string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: addrs, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
}

// etcdLeader asks which of the servers leads.
func etcdLeader(ctx context.Context, addrs []string) (string, error) {
	c, err := dialEtcd(addrs)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, addr := range addrs {
		s, err := c.Status(ctx, addr)
		if err == nil && s.Leader == s.Header.MemberId {
			return addr, nil
		}
	}
	return "", errors.New("nobody leads")
}

func (e *etcd) close() {
	for _, c := range e.clients {
		_ = c.Close()
	}
}

func (e *etcd) worker(ctx context.Context, i int) (worker, error) {
	c := e.clients[i%len(e.clients)]
	lease, err := c.Grant(ctx, leaseSeconds)
	if err != nil {
		return nil, err
	}
	return &etcdWorker{c, lease.ID}, nil
}

type etcdWorker struct {
	client *clientv3.Client
	lease  clientv3.LeaseID
}

func (w *etcdWorker) acquire(ctx context.Context, key, owner string) error {
	got, err := w.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, owner, clientv3.WithLease(w.lease))).
		Commit()
	if err == nil && !got.Succeeded {
		return errors.New("the key is held")
	}
	return err
}

func (w *etcdWorker) release(ctx context.Context, key string) error {
	got, err := w.client.Delete(ctx, key)
	if err == nil && got.Deleted != 1 {
		return errors.New("the key was not there")
	}
	return err
}
