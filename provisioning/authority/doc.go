// Package authority owns the development certificate authority: the folder
// DIR/pki with one self-signed root, from which the server's certificate and the
// certificates of devices are issued, offline and at once.
//
// It promises that a root that Init answered is on disk for good: the key is
// written and synced before the certificate, both by rename, so that a crash in
// between leaves a key without a certificate, from which the next Init makes the
// certificate. Key files are readable by their owner only (0600). Certificates
// are ECDSA P-256 with random 128-bit serials and begin a day early, since the
// clocks of devices are wrong; a device's common name is its thing.
//
// An Authority holds no open files and may be used concurrently; several
// processes may Init the same folder at the same time and get the same root.
//
// It is no production authority: there is one key, in a file, without an
// intermediate, and it neither renews nor revokes, keeps no register of what it
// issued and publishes no CRL. Those belong to provisioning.
package authority
