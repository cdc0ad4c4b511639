package cluster

// What the tests of package cluster_test, which may import cluster/memnet, need of those of this one.

// Pipeline submits lines together and returns their replies.
var Pipeline = pipeline
