/* A file system that passes everything through to a folder, some milliseconds later: what EFS and NFS look like from far away.
 *
 *   slowfs FOLDER MOUNTPOINT DELAY_MICROSECONDS
 *
 * Each operation that a client of NFS would send waits once (a close with its flush, a release not). Names and attributes are
 * remembered for a second, as such a client does. Runs in the foreground until it is unmounted.
 *   gcc -O2 -Wall slowfs.c $(pkg-config --cflags --libs fuse3) -o slowfs */
#define FUSE_USE_VERSION 312
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int root;
static unsigned delay;

static void wait_a_little(void) { usleep(delay); }
static const char *below(const char *path) { return path[1] ? path + 1 : "."; }
static int end(int result) { return result < 0 ? -errno : result; }

static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *fi) {
    wait_a_little();
    return end(fi ? fstat(fi->fh, st) : fstatat(root, below(path), st, AT_SYMLINK_NOFOLLOW));
}
static int do_readlink(const char *path, char *buffer, size_t size) {
    wait_a_little();
    ssize_t length = readlinkat(root, below(path), buffer, size - 1);
    if (length < 0) return -errno;
    buffer[length] = 0;
    return 0;
}
static int do_opendir(const char *path, struct fuse_file_info *fi) {
    int fd = openat(root, below(path), O_RDONLY | O_DIRECTORY);
    if (fd < 0) return -errno;
    DIR *folder = fdopendir(fd);
    if (!folder) return -errno;
    fi->fh = (uintptr_t)folder;
    return 0;
}
static int do_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *fi,
                      enum fuse_readdir_flags flags) {
    (void)path; (void)offset; (void)flags;
    DIR *folder = (DIR *)(uintptr_t)fi->fh;
    struct dirent *entry;
    wait_a_little();
    rewinddir(folder);
    while ((entry = readdir(folder))) {
        struct stat st = {.st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type)};
        if (fill(buffer, entry->d_name, &st, 0, 0)) break;
    }
    return 0;
}
static int do_releasedir(const char *path, struct fuse_file_info *fi) {
    (void)path;
    closedir((DIR *)(uintptr_t)fi->fh);
    return 0;
}
static int do_mkdir(const char *path, mode_t mode) { wait_a_little(); return end(mkdirat(root, below(path), mode)); }
static int do_unlink(const char *path) { wait_a_little(); return end(unlinkat(root, below(path), 0)); }
static int do_rmdir(const char *path) { wait_a_little(); return end(unlinkat(root, below(path), AT_REMOVEDIR)); }
static int do_symlink(const char *target, const char *path) { wait_a_little(); return end(symlinkat(target, root, below(path))); }
static int do_rename(const char *from, const char *to, unsigned flags) {
    wait_a_little();
    return end(renameat2(root, below(from), root, below(to), flags));
}
static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *fi) {
    wait_a_little();
    return end(fi ? fchmod(fi->fh, mode) : fchmodat(root, below(path), mode, 0));
}
static int do_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi) {
    wait_a_little();
    return end(fi ? fchown(fi->fh, uid, gid) : fchownat(root, below(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}
static int do_truncate(const char *path, off_t size, struct fuse_file_info *fi) {
    wait_a_little();
    if (fi) return end(ftruncate(fi->fh, size));
    int fd = openat(root, below(path), O_WRONLY);
    if (fd < 0) return -errno;
    int result = end(ftruncate(fd, size));
    close(fd);
    return result;
}
static int do_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi) {
    wait_a_little();
    return end(fi ? futimens(fi->fh, times) : utimensat(root, below(path), times, AT_SYMLINK_NOFOLLOW));
}
static int do_open(const char *path, struct fuse_file_info *fi) {
    wait_a_little();
    int fd = openat(root, below(path), fi->flags & ~O_NOFOLLOW);
    if (fd < 0) return -errno;
    fi->fh = fd;
    return 0;
}
static int do_create(const char *path, mode_t mode, struct fuse_file_info *fi) {
    wait_a_little();
    int fd = openat(root, below(path), fi->flags, mode);
    if (fd < 0) return -errno;
    fi->fh = fd;
    return 0;
}
static int do_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *fi) {
    (void)path;
    wait_a_little();
    return end((int)pread(fi->fh, buffer, size, offset));
}
static int do_write(const char *path, const char *buffer, size_t size, off_t offset, struct fuse_file_info *fi) {
    (void)path;
    wait_a_little();
    return end((int)pwrite(fi->fh, buffer, size, offset));
}
static int do_statfs(const char *path, struct statvfs *st) { (void)path; wait_a_little(); return end(fstatvfs(root, st)); }
/* NFS sends nothing when a file that was only read is closed. */
static int do_flush(const char *path, struct fuse_file_info *fi) {
    (void)path;
    if ((fi->flags & O_ACCMODE) != O_RDONLY) wait_a_little();
    return 0;
}
static int do_release(const char *path, struct fuse_file_info *fi) { (void)path; close(fi->fh); return 0; }
static int do_fsync(const char *path, int data, struct fuse_file_info *fi) {
    (void)path; (void)data;
    wait_a_little();
    return end(fsync(fi->fh));
}
static int do_flock(const char *path, struct fuse_file_info *fi, int op) { (void)path; return end(flock(fi->fh, op)); }
static void *do_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->use_ino = 1;
    config->nullpath_ok = 1;
    config->entry_timeout = config->attr_timeout = 1.0;
    config->negative_timeout = 0;
    return NULL;
}

static const struct fuse_operations operations = {
    .getattr = do_getattr, .readlink = do_readlink, .opendir = do_opendir, .readdir = do_readdir,
    .releasedir = do_releasedir, .mkdir = do_mkdir, .unlink = do_unlink, .rmdir = do_rmdir, .symlink = do_symlink,
    .rename = do_rename, .chmod = do_chmod, .chown = do_chown, .truncate = do_truncate, .utimens = do_utimens,
    .open = do_open, .create = do_create, .read = do_read, .write = do_write, .statfs = do_statfs, .flush = do_flush,
    .release = do_release, .fsync = do_fsync, .flock = do_flock, .init = do_init,
};

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "slowfs FOLDER MOUNTPOINT DELAY_MICROSECONDS\n");
        return 64;
    }
    root = open(argv[1], O_RDONLY | O_DIRECTORY);
    if (root < 0) {
        perror(argv[1]);
        return 66;
    }
    delay = (unsigned)atoi(argv[3]);
    umask(0);
    char *arguments[] = {argv[0], "-f", "-o", "max_threads=256,max_idle_threads=256,default_permissions", argv[2], NULL};
    return fuse_main(5, arguments, &operations, NULL);
}
