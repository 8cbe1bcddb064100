-- The tables of the Plesk database that Panelgate asks, as far as it asks them, with a few subscriptions. The recorded answers beside this file are
-- what MariaDB 10.11 (`mariadb psa -Ne QUESTION`, environment LC_ALL=C only) printed for the questions of src/panel/plesk/query.rs over these rows:
-- account-alice, account-bob, owners-shop (shop.example), owners-shared (shared.example), owners-none (none.example), accounts; and
-- account-alice-untyped with the column Templates.type dropped.
CREATE DATABASE psa CHARACTER SET utf8; USE psa;
CREATE TABLE domains (id INT UNSIGNED PRIMARY KEY, cr_date DATE, name VARCHAR(255) UNIQUE, displayName VARCHAR(255), status BIGINT UNSIGNED, htype ENUM('none','vrt_hst','std_fwd','frm_fwd'), real_size BIGINT, cl_id INT UNSIGNED, guid VARCHAR(36), webspace_id INT UNSIGNED DEFAULT 0, KEY (webspace_id), KEY (cl_id));
CREATE TABLE hosting (dom_id INT UNSIGNED PRIMARY KEY, sys_user_id INT UNSIGNED, www_root VARCHAR(255), php VARCHAR(5), KEY (sys_user_id));
CREATE TABLE sys_users (id INT UNSIGNED PRIMARY KEY, login VARCHAR(255) UNIQUE, account_id INT, home VARCHAR(255), shell VARCHAR(255), quota BIGINT);
CREATE TABLE clients (id INT UNSIGNED PRIMARY KEY, login VARCHAR(255) UNIQUE, cname VARCHAR(255), pname VARCHAR(255), email VARCHAR(255), type VARCHAR(20), parent_id INT, status BIGINT UNSIGNED, locale VARCHAR(17), guid VARCHAR(36));
CREATE TABLE Subscriptions (id INT UNSIGNED PRIMARY KEY, object_id INT UNSIGNED, object_type ENUM('domain','client'));
CREATE TABLE PlansSubscriptions (subscription_id INT UNSIGNED, plan_id INT UNSIGNED);
CREATE TABLE Templates (id INT UNSIGNED PRIMARY KEY, name VARCHAR(255), type VARCHAR(20), owner_id INT);
CREATE TABLE domain_aliases (id INT UNSIGNED PRIMARY KEY, dom_id INT UNSIGNED, name VARCHAR(255), displayName VARCHAR(255), status INT, KEY (dom_id), KEY (name));
INSERT INTO clients VALUES (1,'admin',NULL,'Administrator','admin@example.com','admin',0,0,'en-US','g1'),(7,'customer7','Shop & Söhne','Alice','alice@example.com','client',1,0,'de-DE','g7'),(8,'customer8',NULL,'Bob','bob@example.com','client',1,16,'lt-LT','g8');
INSERT INTO sys_users VALUES (3,'alice',1,'/var/www/vhosts/shop.example','/bin/false',0),(4,'bob',2,'/var/www/vhosts/xn--bcher-kva.example','/bin/false',0),(5,'ftp_extra',3,'/var/www/vhosts/shop.example/ftp','/bin/false',0),(6,'dave',4,'/var/www/vhosts/dave.example','/bin/false',0);
INSERT INTO domains VALUES
 (3,'2024-05-02','shop.example','shop.example',0,'vrt_hst',1,7,'0f9c4d2e-6c5b-4d60-8d0a-5a1f6e0c7b11',0),
 (4,'2024-05-03','blog.shop.example','blog.shop.example',0,'vrt_hst',1,7,'g4',3),
 (5,'2024-05-03','second.example','second.example',2,'vrt_hst',1,7,'g5',3),
 (6,'2024-05-03','forward.example','forward.example',0,'std_fwd',1,7,'g6',3),
 (10,'2024-06-01','xn--bcher-kva.example','bücher.example',0,'vrt_hst',1,8,'b0000000-0000-4000-8000-000000000010',0),
 (20,'2024-06-01','dave.example','dave.example',1,'vrt_hst',1,1,'d0000000-0000-4000-8000-000000000020',0),
 (21,'2024-06-01','shared.example','shared.example',0,'vrt_hst',1,1,'g21',20),
 (30,'2024-06-01','mail.example','mail.example',0,'none',1,1,'g30',0);
INSERT INTO hosting VALUES (3,3,'/var/www/vhosts/shop.example/httpdocs','true'),(4,3,'/var/www/vhosts/shop.example/blog.shop.example','true'),(5,3,'second.example','true'),(10,4,'/var/www/vhosts/xn--bcher-kva.example/httpdocs','true'),(20,6,'/var/www/vhosts/dave.example/httpdocs','true'),(21,6,'/var/www/vhosts/dave.example/shared','true');
INSERT INTO domain_aliases VALUES (1,3,'alias.example','alias.example',0),(2,5,'second-alias.example','x',0),(3,10,'shared.example','shared.example',0);
INSERT INTO Templates VALUES (11,'Web "Gold"\tplan','domain',1),(12,'More mail','domain_addon',1),(9,'Old add-on','domain_addon',1),(13,'Silver','domain',1);
INSERT INTO Subscriptions VALUES (1,3,'domain'),(2,10,'domain'),(3,20,'domain'),(4,3,'client');
INSERT INTO PlansSubscriptions VALUES (1,12),(1,11),(1,9),(2,13);
