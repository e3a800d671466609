//! What `help` says.

pub(super) const TEXT: &str = "\
On the host:
  cd [PATH]                     go to another folder; to the first one without PATH
  pwd                           say where we are
  ls [-1afhlnrSt] [PATH]        list files
  stat PATH                     say all that is known of files
  df [-hi] [PATH]               say how full the file system is
  mkdir PATH, rmdir PATH        make a folder, remove an empty one
  rm PATH                       remove files
  rename [-l] FROM TO           rename a file or folder
  ln [-s] TO PATH, symlink      make a link, with -s or `symlink` a symbolic one
  cp FROM TO, copy              copy a file without it coming here
  chmod [-h] MODE PATH          change modes, in octal; with -h those of links themselves
  chown [-h] NUMBER PATH        change users
  chgrp [-h] NUMBER PATH        change groups
Between here and there:
  get [-afpr] REMOTE [LOCAL]    get files; mget too
  put [-afpr] LOCAL [REMOTE]    put files; mput too
  reget, reput                  the same with -a
    -a goes on from what is there, -f waits for the disk, -p takes modes and times along,
    -r takes folders with what is in them
  progress                      show how far transfers are, or no longer
Here:
  lcd [PATH], lpwd, lmkdir PATH, lls [OPTIONS] [PATH], lumask MODE
  !                             a shell
  !COMMAND                      one command of it
Besides:
  help, ?                       this text
  version                       the version of the protocol
  bye, exit, quit               leave

A PATH may be a pattern of * ? [ab] where several files make sense. Quotes, or a backslash, take
blanks and * for what they are. In a batch a - before a command lets it fail, and an @ keeps it
from being shown.";
