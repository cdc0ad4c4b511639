"""The Python lock libraries, one after the other in what it prints.

    python main.py once|failover HOST:PORT SECONDS [library…]
"""

import kit
from libraries import (
    Aioredlock, Portalocker, Pottery, PotteryAsync, PythonRedisLock, RedisPy, RedisPyAsync, RedlockPy, Sherlock,
)
from schedule import DjangoRedis, RedBeat

kit.run([RedisPy, RedisPyAsync, PythonRedisLock, RedlockPy, Pottery, PotteryAsync, DjangoRedis, RedBeat, Sherlock,
         Portalocker, Aioredlock])
