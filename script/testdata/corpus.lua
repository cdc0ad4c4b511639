error({err='X y',a=1})
%%
error()
%%
error('x',0)
%%
error(12)
%%
error(true)
%%
local function f() error('deep') end

f()
%%
return redis.error_reply('X y')
%%
return redis.error_reply('-X y')
%%
return redis.error_reply('')
%%
return redis.error_reply('X')
%%
return redis.error_reply(1)
%%
return redis.error_reply('a\r\nb')
%%
return redis.status_reply('a\r\nb')
%%
return redis.status_reply()
%%
return {err='My Err'}
%%
return {err='My'}
%%
return {err=1}
%%
return {ok=1}
%%
redis.call('set','s','x') redis.call('incr','s')
%%
local e=redis.pcall('incr','s') local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end table.sort(r) return r
%%
return redis.pcall('incr','s')
%%
local ok,e=pcall(redis.call,'incr','s') local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end table.sort(r) return r
%%
local ok,e=pcall(redis.call,'incr','s') return e
%%
redis.call('nosuch','a')
%%
redis.call('get')
%%
redis.call()
%%
return redis.pcall()
%%
redis.call({})
%%
redis.call('get',true)
%%
redis.call('get',nil)
%%
return redis.call('echo',1.5)
%%
return {redis.call('echo',1e15),redis.call('echo',1e20),redis.call('echo',0.1),redis.call('echo',-0.0),redis.call('echo',1/0),redis.call('echo',0/0),redis.call('echo',123456789012)}
%%
return redis.call('subscribe','a')
%%
return redis.log()
%%
return redis.log(1)
%%
return redis.log('a','b')
%%
return redis.log(9,'b')
%%
return redis.log(1,'b')
%%
return redis.sha1hex()
%%
return redis.sha1hex('')
%%
return redis.sha1hex(12)
%%
return redis.setresp()
%%
return redis.setresp(4)
%%
return redis.setresp(3)
%%
return redis.set_repl()
%%
return redis.set_repl(9)
%%
return redis.set_repl(redis.REPL_ALL)
%%
return redis.replicate_commands()
%%
return redis.breakpoint()
%%
return redis.debug('a')
%%
return redis.acl_check_cmd('get','a')
%%
return redis.acl_check_cmd()
%%
return redis.acl_check_cmd('nosuch')
%%
return math.random(1000000)
%%
return {tostring(math.random()),tostring(math.random()),math.random(100),math.random(5,10)}
%%
math.randomseed(5) return {tostring(math.random()),math.random(100)}
%%
math.random(0)
%%
return {1,2,nil,4}
%%
return {1,false,3}
%%
return {3.99,-3.99,1e30,-1e30,0/0,1/0,-1/0,9007199254740993}
%%
return {true,'a',{1,{2}},{ok='x'},{err='y'},function() end}
%%
return {double=1.5}
%%
return {map={a=1}}
%%
return {set={a=1}}
%%
redis.setresp(3) return {double=1.5}
%%
redis.setresp(3) return {map={a=1}}
%%
redis.setresp(3) return {set={a=1}}
%%
redis.setresp(3) local x=redis.call('config','get','port') return type(x.map)
%%
redis.setresp(3) local x=redis.call('get','nokey') return tostring(x)
%%
redis.setresp(3) return {true,false,1.5,{double=2}}
%%
return function() end
%%
return print
%%
return 1 .. nil
%%
return 1+nil
%%
return nil+1
%%
local t={} return t.x.y
%%
local t={} t.x.y=1
%%
local t t.x=1
%%
local t t()
%%
local t={} t.x()
%%
local t={} t:x()
%%
return #nil
%%
return -{}
%%
return {}<{}
%%
return 1<'2'
%%
return {}..'a'
%%
local t={} return t.a+1
%%
local s='a' return s+1
%%
return 'a'+1
%%
string.foo()
%%
return ('x'):foo()
%%
local t={} t[nil]=1
%%
local t={} t[0/0]=1
%%
for i='a',2 do end
%%
for i=1,{} do end
%%
for i=1,2,{} do end
%%
return x y
%%
return (
%%
if
%%
local 1
%%
x = = 1
%%
return 'abc
%%
return [[a
%%
return [==[a]=]
%%
for
%%
a.b:c = 1
%%
return 0x
%%
return 1..2
%%
goto x
%%
break
%%
local function f() return ... end
%%
local a <const> = 1
%%
return '\x41\z'
%%
@
%%
return ~1
%%
x
%%
f(
%%
end
%%
function
%%

%%
if true then

return 1
%%
local function f() return 1+f() end
return f()
%%
return {010,'010'+0,0x10,'0x10'+0,'1e2'+0,' 5 '+0}
%%
return {tonumber('1e3'),tonumber('z',36),tonumber(' 10 '),tostring(tonumber('1 0')),tostring(tonumber('')),tonumber('ff',16),tostring(tonumber('8',8)),tostring(tonumber('nan')),tostring(tonumber('inf')),tostring(tonumber('0x1p4')),tostring(tonumber('1e')),tostring(tonumber('0x')),tostring(tonumber('1_0')),tostring(tonumber('-0x10')),tostring(tonumber('-ff',16)),tostring(tonumber('7',10))}
%%
return tostring(nil)..tostring(true)..tostring(-0)..tostring(1e15)..tostring(2^53)..tostring(0/0)..tostring(-(0/0))
%%
tostring()
%%
tonumber()
%%
tonumber('1',1)
%%
tonumber({},10)
%%
string.rep()
%%
string.rep('x')
%%
string.rep({},1)
%%
('x'):rep({})
%%
string.format('%d','x')
%%
string.format('%d')
%%
string.format('%y',1)
%%
string.find('a','[')
%%
string.find('a','%')
%%
string.find('a','(')
%%
string.find('a','a)')
%%
string.gsub('a','a','%2')
%%
string.gsub('a','a',{a={}})
%%
string.gsub('a','a',true)
%%
unpack({},1,1e8)
%%
unpack({},1,8000)
%%
return #{unpack({},1,7990)}
%%
setmetatable(1,{})
%%
setmetatable({},1)
%%
setmetatable(setmetatable({},{__metatable=1}),{})
%%
ipairs()
%%
pairs(nil)
%%
next({},'a')
%%
select(0)
%%
rawset({},nil,1)
%%
assert(false)
%%
assert(nil,'m')
%%
assert(false,{err='E f'})
%%
table.concat({1,{},2})
%%
table.insert({},1,2,3)
%%
table.insert({})
%%
table.insert(1,1)
%%
table.sort({3,1,'x'})
%%
table.sort({1,2,3,4},function() return true end)
%%
cjson.decode('{')
%%
cjson.decode('')
%%
cjson.decode('[1,]')
%%
cjson.decode('nul')
%%
cjson.decode()
%%
cjson.decode('"\\u12"')
%%
cjson.decode('[1] x')
%%
cjson.encode(function() end)
%%
cjson.encode({[1]=1,[1000]=1})
%%
cjson.encode({[true]=1})
%%
cjson.encode(0/0)
%%
local t={} t[1]=t return cjson.encode(t)
%%
return cjson.decode(string.rep('[',1001))
%%
return {cjson.encode({}),cjson.encode({1,2,nil,4}),cjson.encode({a=1}),cjson.encode('a/b"\\\n\0\127\200'),cjson.encode(1/3),cjson.encode(1e20),cjson.encode(cjson.null),cjson.encode({[3]=1}),cjson.encode(2^53),cjson.encode({[1.5]=2}),cjson.encode(true)}
%%
cmsgpack.unpack('\xc1')
%%
cmsgpack.unpack('\217')
%%
cmsgpack.pack()
%%
struct.pack('i')
%%
struct.pack('y',1)
%%
struct.unpack('i4','ab')
%%
struct.pack('i33',1)
%%
bit.band()
%%
bit.band('x')
%%
return {bit.tohex(-1),bit.tohex(255,4),bit.tohex(255,-2),bit.tobit(2^32+5),bit.bnot(0),bit.bswap(1),bit.rol(1,33),bit.arshift(-8,1),bit.rshift(-8,1),bit.lshift(1,31),bit.bxor(1,2,4),bit.bor(1,2),bit.band(7,5),bit.ror(1,1),bit.tobit(1.5),bit.tobit(2.5)}
%%
loadstring('x y')()
%%
return tostring(loadstring('return 1')())
%%
return {loadstring('x y')}
%%
return {pcall(error)}
%%
return {pcall(error,{1})}
%%
return {xpcall(function() error('q') end,function(e) return 'H'..e end)}
%%
local x=0 local function inc() x=x+1 end pcall(error,'a') inc() return x
%%
return {string.format('%5.2f|%-5d|%05d|%x|%X|%o|%e|%g|%q|%s|%c|%i|%u|%%|%+d|% d|%#x|%10s|%-10s|%.2s',3.14159,3,42,255,255,8,12345.678,0.0001,'a\n"\0\\\r',nil and 1 or 'z',65,7,8,5,5,255,'r','l','trunc')}
%%
string.format('%s')
%%
return string.format('%d',3.7)
%%
return string.format('%d',-3.7)..string.format('%x',-1)..string.format('%5s',true and 'a')
%%
string.format('%s',nil)
%%
return redis.call('eval','return 1',0)
%%
collectgarbage() return {collectgarbage('count')>0,gcinfo()>0}
%%
return {coroutine.wrap(function() coroutine.yield(1) end)()}
%%
return math.fmod(1,0)..math.pow(2,0.5)..math.floor(-1.5)..math.max(1,2)..math.log10(1000)..math.mod(5,3)
%%
math.max()
%%
math.floor('x')
%%
return math.floor('3.7')
%%
return {cmsgpack.pack(1,-1,128,-33,70000,-70000,1.5,0.1,'abc',true,false,nil),cmsgpack.pack({1,2,3}),cmsgpack.pack({a=1}),cmsgpack.pack({}),cmsgpack.pack(string.rep('x',40)),cmsgpack.pack(2^40),cmsgpack.pack(-2^40)}
%%
return {cmsgpack.unpack(cmsgpack.pack(1,-1,128,-33,70000,-70000,'abc',{1,{2}},2^40,-2^40))}
%%
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3))}
%%
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2,1)}
%%
return {string.find('hello world','o w'),string.find('hello','l+'),string.match('key=val','(%w+)=(%w+)'),string.gsub('abc','%w','%0%0'),string.gsub('hello','l',{l='L'}),string.find('a.b','.',1,true),string.match('  x ','^%s*(.-)%s*$'),string.find('abc','b()')}
%%
local r={} for k,v in string.gmatch('a=1,b=2','(%w+)=(%w+)') do r[#r+1]=k r[#r+1]=v end return r
%%
return {string.gsub('THE (quick) fox','%((%w+)%)','<%1>'),string.gsub('x','','-'),string.gsub('abc','b*','X'),string.match('f(a(b)c)d','%b()'),string.gsub('THE fox','%f[%a]%a+','W'),string.match('2024-01-02','(%d+)-(%d+)-(%d+)')}
%%
local t={5,2,8,1} table.sort(t) table.insert(t,1,0) table.insert(t,9) return {table.concat(t,','),table.remove(t),table.remove(t,1),#t,table.concat(t,'-',2,3)}
%%
local a,b=1,2 a,b=b,a local t={} t.x,t.y=1,2 local i=1 i,t[i]=i+1,20 return {a,b,t.x,t.y,i,t[1]}
%%
local t=setmetatable({},{__index=function(t,k) return k..'!' end,__call=function(self,a) return a*2 end,__concat=function(a,b) return 'cat' end,__add=function(a,b) return 42 end,__eq=function() return true end,__lt=function() return true end,__tostring=function() return 'TS' end}) return {t.foo,t(21),t..'x','x'..t,t+1,1+t,tostring(t),t<t and 1 or 0}
%%
local t={} function t.f(a) return a end function t:g() return self==t end local s=0 for i=10,1,-3 do s=s+i end repeat local z=s s=s-1 until z<20 return {t.f(3),t:g(),s,#'abc',-2^2,7%3,-7%3,7%-3,2^0.5 .. ''}
%%
local s=0 for i=1,3 do for j=1,3 do if j==2 then break end s=s+i*j end end while s<100 do s=s*2 end return s
%%
return {cjson.encode({a={1,2,{b='x'}}}),cjson.decode('{"a":[1,2,{"b":null}]}').a[2],cjson.decode('[1.5e3,-2,true,"\\u00e9\\n"]')[4],cjson.decode('"\\ud83d\\ude00"'),tostring(cjson.decode('null')==cjson.null)}
%%
return {select('#',1,nil,nil),select(2,'a','b','c'),(select(-1,1,2,3)),type(nil),rawequal('a','a'),rawget({x=1},'x'),next({}),unpack({1,2,3},2)}
%%
return {string.byte('abc',1,-1),string.char(65,66),('x'):rep(3),string.reverse('abc'),string.sub('hello',-3,-2),string.sub('hello',0),('é'):upper(),string.len('a\0b')}
%%
return {math.floor(3.7),math.ceil(3.2),math.max(1,5,3),math.min(4,2),math.abs(-3),math.huge>1,math.sqrt(16),math.modf(3.7),math.ldexp(1,4),math.frexp(8)}
%%
return {struct.pack('>I2i4bBhHlL',1,-2,3,4,-5,6,-7,8),struct.pack('<d>dfs',1.5,2.5,0.5,'abc'),struct.pack('!4bi4c2',1,2,'xyz'),struct.size('>i4bd'),struct.size('!8bd')}
%%
return {struct.unpack('>I2i4bB',struct.pack('>I2i4bB',1,-2,-3,250)),(struct.unpack('s','abc\0d')),(struct.unpack('Bc0','\3abcd')),struct.unpack('<i8',struct.pack('<i8',-5))}
